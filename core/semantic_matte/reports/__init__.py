"""The report of a folder of results: one page that needs nothing but a browser, and no network."""
