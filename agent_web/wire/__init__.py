"""Every JSON message between the pages and the web process: HTTP bodies and WebSocket messages, defined once.

Names are snake_case on both sides. Times are milliseconds since 1970 (`…_ms`); the page learns the server's
clock from `now_ms` and shows durations by it. What the server says has every field, so that the page need not
guess; what the page says may leave out fields that have a default. Socket messages carry their name in
`type`. The page's TypeScript types are generated from these structs (`python -m agent_web.schema`).
"""

from __future__ import annotations

from agent_web.wire.account import LoginRequest as LoginRequest
from agent_web.wire.account import Me as Me
from agent_web.wire.account import Role as Role
from agent_web.wire.base import Asked as Asked
from agent_web.wire.base import FieldError as FieldError
from agent_web.wire.base import Problem as Problem
from agent_web.wire.base import Said as Said
from agent_web.wire.board import Board as Board
from agent_web.wire.board import BoardAgent as BoardAgent
from agent_web.wire.board import BoardCall as BoardCall
from agent_web.wire.board import BoardCallback as BoardCallback
from agent_web.wire.board import BoardQueue as BoardQueue
from agent_web.wire.board import BoardToPage as BoardToPage
from agent_web.wire.board import BoardToServer as BoardToServer
from agent_web.wire.centre import CoreState as CoreState
from agent_web.wire.centre import Health as Health
from agent_web.wire.centre import NewMode as NewMode
from agent_web.wire.centre import SettleCallback as SettleCallback
from agent_web.wire.citizen import CallHangUp as CallHangUp
from agent_web.wire.citizen import CallKey as CallKey
from agent_web.wire.citizen import CallOffer as CallOffer
from agent_web.wire.citizen import CallToPage as CallToPage
from agent_web.wire.citizen import CallToServer as CallToServer
from agent_web.wire.desk import Accept as Accept
from agent_web.wire.desk import AudioAnswer as AudioAnswer
from agent_web.wire.desk import AudioClose as AudioClose
from agent_web.wire.desk import AudioEnded as AudioEnded
from agent_web.wire.desk import AudioOffer as AudioOffer
from agent_web.wire.desk import DeskCall as DeskCall
from agent_web.wire.desk import DeskToPage as DeskToPage
from agent_web.wire.desk import DeskToServer as DeskToServer
from agent_web.wire.desk import Dial as Dial
from agent_web.wire.desk import HangUp as HangUp
from agent_web.wire.desk import Hello as Hello
from agent_web.wire.desk import Keys as Keys
from agent_web.wire.desk import MoreTime as MoreTime
from agent_web.wire.desk import NotReady as NotReady
from agent_web.wire.desk import NotReadyReason as NotReadyReason
from agent_web.wire.desk import Offer as Offer
from agent_web.wire.desk import Phone as Phone
from agent_web.wire.desk import Ready as Ready
from agent_web.wire.desk import Reasons as Reasons
from agent_web.wire.desk import Refused as Refused
from agent_web.wire.desk import Reject as Reject
from agent_web.wire.desk import Replaced as Replaced
from agent_web.wire.desk import View as View
from agent_web.wire.desk import Welcome as Welcome
from agent_web.wire.desk import WrapUpDone as WrapUpDone
from agent_web.wire.history import Explanation as Explanation
from agent_web.wire.history import ExplanationLine as ExplanationLine
from agent_web.wire.history import PastCall as PastCall
from agent_web.wire.history import PastCalls as PastCalls
from agent_web.wire.orders import Catalogue as Catalogue
from agent_web.wire.orders import Category as Category
from agent_web.wire.orders import NewOrder as NewOrder
from agent_web.wire.orders import Order as Order
from agent_web.wire.orders import OrderChange as OrderChange
from agent_web.wire.orders import OrderChanged as OrderChanged
from agent_web.wire.orders import OrderConflict as OrderConflict
from agent_web.wire.orders import OrderPage as OrderPage
from agent_web.wire.orders import OrderPatch as OrderPatch
from agent_web.wire.orders import OrderRow as OrderRow
from agent_web.wire.orders import OrdersMissed as OrdersMissed
from agent_web.wire.orders import OrderStatus as OrderStatus
from agent_web.wire.orders import OrdersToPage as OrdersToPage
from agent_web.wire.orders import OrdersToServer as OrdersToServer
from agent_web.wire.orders import Priority as Priority
from agent_web.wire.sockets import Core as Core
from agent_web.wire.sockets import Error as Error
from agent_web.wire.sockets import Ping as Ping
from agent_web.wire.sockets import Pong as Pong
from agent_web.wire.telephony import Edges as Edges
from agent_web.wire.telephony import EdgeSource as EdgeSource
from agent_web.wire.telephony import EdgeState as EdgeState
from agent_web.wire.telephony import EdgeTrunk as EdgeTrunk
from agent_web.wire.telephony import LiftBan as LiftBan
from agent_web.wire.telephony import TelephonyToPage as TelephonyToPage
from agent_web.wire.telephony import TelephonyToServer as TelephonyToServer
from agent_web.wire.telephony import TraceLine as TraceLine
from agent_web.wire.telephony import TraceTold as TraceTold
from agent_web.wire.telephony import WatchCall as WatchCall
