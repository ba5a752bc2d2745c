package ecscache

import (
	"encoding/json"
	"hash/maphash"
	"reflect"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// mutate changes the numbers, strings, times and lengths in v one at a time. After each change, it calls check and
// restores the old value.
func mutate(v reflect.Value, path string, check func(path string)) {
	old := reflect.New(v.Type()).Elem()
	old.Set(v)
	set := func(x any) {
		v.Set(reflect.ValueOf(x).Convert(v.Type()))
		check(path)
		v.Set(old)
	}
	switch v.Kind() {
	case reflect.String:
		set(v.String() + "x")
	case reflect.Int, reflect.Int64:
		set(v.Int() + 1)
	case reflect.Float64:
		set(v.Float() + 0.5)
	case reflect.Bool:
		set(!v.Bool())
	case reflect.Map:
		set(map[string]json.RawMessage{"Member": json.RawMessage("1")})
		set(map[string]json.RawMessage{"Member": json.RawMessage("2"), "Other": json.RawMessage("1")})
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		check(path + " set")
		mutate(v.Elem(), path, check)
		v.Set(old)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		check(path + " longer")
		mutate(v.Index(0), path+"[0]", check)
		v.Set(old)
	case reflect.Struct:
		if v.Type() == timeType {
			set(time.Unix(1, 0))
			set(time.Unix(1, 1))
			return
		}
		for i := range v.NumField() {
			mutate(v.Field(i), path+"."+v.Type().Field(i).Name, check)
		}
	default:
		panic(path + " is a " + v.Type().String())
	}
}

// TestDigest checks that the digest changes with every field of an instance, and that equal instances have equal
// digests.
func TestDigest(t *testing.T) {
	t.Parallel()
	d := digester{seed: maphash.MakeSeed()}
	var inst ecs.Instance
	seen := map[uint64]string{d.digest(&inst): "the zero instance"}
	mutate(reflect.ValueOf(&inst).Elem(), "Instance", func(path string) {
		sum := d.digest(&inst)
		if other, ok := seen[sum]; ok {
			t.Errorf("%s has the same digest as %s", path, other)
		}
		seen[sum] = path
	})
	if len(seen) < 120 {
		t.Errorf("%d different digests, want at least 120: some fields of an instance have no effect", len(seen))
	}

	for name, same := range map[string]ecs.Instance{
		"empty lists":  {SecurityGroupIDs: []string{}, Tags: []ecs.Tag{}, Extra: map[string]json.RawMessage{}},
		"the same":     {},
		"another copy": inst,
	} {
		if d.digest(&same) != d.digest(&inst) {
			t.Errorf("%s: the digests of equal instances differ", name)
		}
	}
	a := ecs.Instance{InstanceName: "ab", HostName: "c", Tags: []ecs.Tag{{Key: "k"}, {}}}
	b := ecs.Instance{InstanceName: "a", HostName: "bc", Tags: []ecs.Tag{{}, {Key: "k"}}}
	if d.digest(&a) == d.digest(&b) {
		t.Error("strings with different boundaries between fields have the same digest")
	}
}
