"""The core: the domain that decides, the actors that carry out, the journal and the link."""
