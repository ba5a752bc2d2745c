package jsonscan

// learned contains data about earlier values that speeds up reading the next value, because consecutive objects in API
// responses are often similar. The data does not change the result.
type learned struct {
	next   [256]uint8  // by member number, the member that most recently followed the member
	last   [256]string // by member number, a string that occurred in two consecutive values
	length [256]uint8  // by member number, the length of the last list minus one
}
