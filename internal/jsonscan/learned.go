package jsonscan

// learned is what a Decoder remembers from one value to the next. API responses are repetitive: in most objects,
// the members are in the same order as in the previous object, and have the same values and list lengths.
// Remembering these saves time and memory, and does not change the result.
type learned struct {
	next   [256]uint8  // for each member, the member that followed it last
	last   [256]string // for each member, a string that occurred twice in a row, to be shared
	length [256]uint8  // for each member, the length of its last list minus one
}
