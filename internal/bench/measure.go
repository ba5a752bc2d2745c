package main

import (
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"syscall"
	"time"
)

// usage contains the time and memory that a function used.
type usage struct {
	wall, cpu     time.Duration
	allocs, bytes float64
}

// measure runs the garbage collector, calls work, and returns the time and memory used by work.
func measure(work func() error) (usage, error) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, start := cpuTime(), time.Now()
	err := work()
	u := usage{wall: time.Since(start), cpu: cpuTime() - cpu}
	runtime.ReadMemStats(&after)
	u.allocs, u.bytes = float64(after.Mallocs-before.Mallocs), float64(after.TotalAlloc-before.TotalAlloc)
	return u, err
}

// cpuTime returns the CPU time that this process has used so far, including the garbage collector.
func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err) // cannot fail, because the process asks for its own usage
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// largestProcess returns the peak memory, in bytes, of a finished process or of its largest child process, whichever is
// greater.
func largestProcess(state *os.ProcessState) float64 {
	r, ok := state.SysUsage().(*syscall.Rusage)
	switch {
	case !ok:
		return 0
	case runtime.GOOS == "darwin":
		return float64(r.Maxrss)
	default:
		return float64(r.Maxrss) * 1024
	}
}

// peakHeap calls work and returns the maximum heap size during the call, including uncollected garbage.
func peakHeap(work func() error) (float64, error) {
	runtime.GC()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	read := func() uint64 {
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	before, peak := read(), uint64(0)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			peak = max(peak, read())
			select {
			case <-tick.C:
			case <-quit:
				return
			}
		}
	}()
	err := work()
	close(quit)
	<-done
	return float64(max(peak, read()) - before), err
}

// liveHeap runs the garbage collector and returns the size of the live objects.
func liveHeap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// settle runs the garbage collector twice, which empties every sync.Pool.
func settle() {
	runtime.GC()
	runtime.GC()
}

// series contains the result of a measurement in each round.
type series []float64

func (s series) median() float64 {
	s = slices.Sorted(slices.Values(s))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

func (s series) most() float64 { return slices.Max(s) }

// over returns the ratio of s to other in each round.
func (s series) over(other series) series {
	r := make(series, len(s))
	for i := range s {
		r[i] = s[i] / other[i]
	}
	return r
}
