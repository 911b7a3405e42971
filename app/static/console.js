// Entry of the console's scripts. Each module looks for its own marks in the page and does nothing without them.
import "c/dom";
