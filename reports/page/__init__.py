"""The sections of a report and the page that holds them."""
