package ecscache

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math"
	"reflect"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// digester computes 64-bit digests of instances. The cache compares digests to detect changes, because callers share
// the slices and maps of an instance and may have modified them. A nil list and an empty list have the same digest.
type digester struct {
	seed maphash.Seed
	buf  []byte
}

func (d *digester) digest(inst *ecs.Instance) uint64 {
	d.buf = appendValue(d.buf[:0], reflect.ValueOf(inst).Elem())
	return maphash.Bytes(d.seed, d.buf)
}

var timeType = reflect.TypeFor[time.Time]()

// appendValue appends an encoding of v to b. Different values of a type have different encodings, none of which is a
// prefix of another.
func appendValue(b []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.String:
		return append(binary.AppendUvarint(b, uint64(v.Len())), v.String()...)
	case reflect.Int, reflect.Int64:
		return binary.AppendVarint(b, v.Int())
	case reflect.Float64:
		return binary.AppendUvarint(b, math.Float64bits(v.Float()))
	case reflect.Bool:
		if v.Bool() {
			return append(b, 1)
		}
		return append(b, 0)
	case reflect.Pointer:
		if v.IsNil() {
			return append(b, 0)
		}
		return appendValue(append(b, 1), v.Elem())
	case reflect.Slice:
		n := v.Len()
		b = binary.AppendUvarint(b, uint64(n))
		for i := range n {
			b = appendValue(b, v.Index(i))
		}
		return b
	case reflect.Struct:
		if v.Type() == timeType {
			t := v.Addr().Interface().(*time.Time)
			return binary.AppendVarint(binary.AppendVarint(b, t.Unix()), int64(t.Nanosecond()))
		}
		for i := range v.NumField() {
			b = appendValue(b, v.Field(i))
		}
		return b
	default: // Instance.Extra, a map, which fmt prints sorted by key
		if v.Kind() == reflect.Map && v.Len() == 0 {
			return append(b, 0)
		}
		return fmt.Appendf(b, "%#v", v.Interface())
	}
}
