"""The pure routing domain: `Router.apply(event, now_ms)` and the state that it alone writes."""
