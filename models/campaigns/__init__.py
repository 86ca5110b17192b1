"""What promotions and campaigns brought: uplift, response, key figures."""
