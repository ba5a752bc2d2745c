package jsonscan

// learned is what a Decoder remembers from one value to the next. API responses are repetitive: the members of an object
// mostly come in the same order, with the same values and list lengths as in the object before. It saves time and
// memory only; results do not depend on it.
type learned struct {
	next   [256]uint8  // by member: the member that followed it
	last   [256]string // by member: a text that came twice in a row, to be shared
	length [256]uint8  // by member: number of list elements after the first
}
