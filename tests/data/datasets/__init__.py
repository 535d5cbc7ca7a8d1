"""Public datasets: tiny copies in the official layouts, with everything in them invented."""
