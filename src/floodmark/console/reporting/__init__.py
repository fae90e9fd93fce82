"""Reports for people: a week for whoever is on call, for those who make models, and for those who pay; and what is to
be said of one incident when it is over. Pure: of what was read, a document; of a document, HTML, Markdown or JSON."""
