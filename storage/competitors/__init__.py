"""Sites, crawls, offers, matches and held prices."""
