package jsonscan

// learned contains data about earlier values that speeds up reading the next value, because consecutive objects in API
// responses are often similar. The data does not change the result.
type learned struct {
	next   [256]uint8  // for each member number, the number of the member that most recently followed
	last   [256]string // for each member number, a string that occurred in two consecutive values
	length [256]uint8  // for each member number, the length of the last list minus one
}
