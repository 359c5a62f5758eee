"""From a graph to something to look at: `painter` says what the boxes and arrows say, the others how it is drawn."""
