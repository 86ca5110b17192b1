"""Which product runs under which promotion when, with a bound."""
