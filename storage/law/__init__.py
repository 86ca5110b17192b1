"""What the law needs kept: rules by market, emergencies, announced reductions, notices."""
