"""The domain alone in simulated time: arrivals, a world around the router, outcomes, plots, replays."""
