package jsonscan

// learned is what a Decoder remembers from one value to the next. API responses are repetitive: the members of an
// object mostly occur in the same order as in the previous object, with the same values and list lengths.
// Remembering them saves time and memory; it does not affect results.
type learned struct {
	next   [256]uint8  // for each member, the member that followed it
	last   [256]string // for each member, a text that occurred twice in a row and is shared
	length [256]uint8  // for each member, the number of list elements after the first one
}
