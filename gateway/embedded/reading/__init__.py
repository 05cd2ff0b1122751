"""Reading: a body's filters, sort and page to SQL."""
