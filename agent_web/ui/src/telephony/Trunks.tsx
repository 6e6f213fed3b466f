/** The trunks of one edge. */
import type { EdgeTrunk } from '../wire.gen'
import { count, t } from '../i18n'
import { Since } from '../shared/parts'
import { trunkState, whyTrunk } from './telephony'

const TRUNK_COLOURS = { up: 'ready', full: 'ringing', down: 'lost' } as const

export function Trunks({ trunks }: { readonly trunks: readonly EdgeTrunk[] }) {
  return (
    <table class="table" aria-label={t('trunks')}>
      <thead>
        <tr>
          <th scope="col">{t('trunk')}</th>
          <th scope="col">{t('state')}</th>
          <th scope="col" class="figure">
            {t('calls_live')}
          </th>
          <th scope="col" class="figure">
            {t('trunk_refused')}
          </th>
          <th scope="col">{t('reason')}</th>
          <th scope="col" class="figure">
            {t('since_state')}
          </th>
        </tr>
      </thead>
      <tbody>
        {trunks.map((one) => (
          <tr key={one.trunk} data-testid={`trunk-${one.trunk}`}>
            <td class="tracking">{one.trunk}</td>
            <td>
              <span class="badge" data-state={TRUNK_COLOURS[trunkState(one)]}>
                {t(`trunk_${trunkState(one)}`)}
              </span>
            </td>
            <td class="figure" data-label={t('calls_live')}>
              {count(one.live)} / {count(one.capacity)}
            </td>
            <td class="figure" data-label={t('trunk_refused')}>
              {count(one.refused)}
            </td>
            <td class="wide">{whyTrunk(one.reason)}</td>
            <td class="figure" data-label={t('since_state')}>
              <Since since_ms={one.since_ms} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
