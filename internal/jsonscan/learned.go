package jsonscan

// learned contains data about earlier values that makes reading the next value faster. In API responses, consecutive
// objects often have their members in the same order, and the same strings and list lengths. Using this data does not
// change the result.
type learned struct {
	next   [256]uint8  // by member number, the member that followed it most recently
	last   [256]string // by member number, a string that occurred in two consecutive values
	length [256]uint8  // by member number, the length of the last list minus one
}
