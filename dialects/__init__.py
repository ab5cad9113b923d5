"""What an engine differs in beyond the text of its SQL; `base` is the contract and the how-to for a new engine."""
