"""Sentences with a paraphrase each, for precision.py."""

from __future__ import annotations

__all__ = ["PAIRS"]

PAIRS = (
    ("The train was late because of snow.", "Snow delayed the railway service."),
    ("She poured hot water over the tea leaves.", "Boiling water was added to brew the tea."),
    ("The shop closes at six in the evening.", "You cannot buy anything there after 6 pm."),
    ("A dog barked all night next door.", "The neighbour's hound kept making noise until morning."),
    ("He repaired the bicycle himself.", "The bike was fixed by its owner."),
    ("The lake freezes over in January.", "In the first month of the year ice covers the lake."),
    ("Our flight leaves from gate twelve.", "The plane departs at gate 12."),
    ("They planted apple trees along the road.", "The street was lined with young fruit trees."),
    ("The museum shows paintings by Rembrandt.", "Works of the Dutch master hang in the gallery."),
    ("Inflation fell for the third month.", "Prices have risen more slowly for a quarter of a year."),
    ("The child is afraid of thunder.", "Storms frighten the little girl."),
    ("This key does not fit the lock.", "The door cannot be opened with that key."),
    ("The recipe asks for two eggs.", "You need a couple of eggs to bake this."),
    ("The bridge was built by the Romans.", "Roman engineers constructed the crossing."),
    ("My phone battery is empty.", "The mobile needs to be charged."),
    ("The committee rejected the proposal.", "The plan was turned down by the board."),
    ("Wolves have returned to the forest.", "There are wolves in the woods again."),
    ("The violinist played without a mistake.", "The musician's performance on the violin was flawless."),
    ("The road is closed for repairs.", "Construction work blocks the street."),
    ("The patient recovered quickly.", "The sick man was soon healthy again."),
    ("Ships wait outside the harbour.", "Vessels are queueing in front of the port."),
    ("The exam was harder than expected.", "Students found the test surprisingly difficult."),
    ("It has not rained for weeks.", "The drought has lasted almost a month."),
    ("The company hired forty engineers.", "Forty technical staff were taken on by the firm."),
)
