"""The law on prices: dated rule packs, prior prices, caps, personal prices."""
