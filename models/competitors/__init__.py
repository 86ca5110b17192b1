"""What crawled price records say of rivals: cadence, habits, indices, leaders, promotions."""
