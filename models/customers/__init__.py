"""What invoices and baskets say of customers: segments, associations, panels."""
