"""How fast the agents train, compared with other libraries and with the work of the book's listings.

This file imports nothing, because peers.py and purejax.py run in the peers' virtual environment.
"""
