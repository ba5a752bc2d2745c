package main

import (
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"syscall"
	"time"
)

// usage is what some work cost this process.
type usage struct {
	wall, cpu     time.Duration
	allocs, bytes float64
}

// measure runs work on a heap without the garbage of what ran before.
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

// cpuTime is what this process has used of all CPUs, the collector's share included.
func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err) // who can always ask about itself
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// largestProcess is the memory of the largest of a process and its children, in bytes.
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

// peakHeap runs work and gives the most that objects, garbage not yet collected included, took meanwhile.
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

// liveHeap is what is alive now.
func liveHeap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// settle empties the pools of buffers.
func settle() {
	runtime.GC()
	runtime.GC()
}

// series is one figure, measured once in each round.
type series []float64

func (s series) median() float64 {
	s = slices.Sorted(slices.Values(s))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

func (s series) most() float64 { return slices.Max(s) }

// over is the ratio to what was measured in the same rounds.
func (s series) over(other series) series {
	r := make(series, len(s))
	for i := range s {
		r[i] = s[i] / other[i]
	}
	return r
}
