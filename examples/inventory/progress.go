package main

import (
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/terminal"
)

// progress shows the number of listed instances on a terminal.
type progress struct {
	w     io.Writer
	where string        // the regions that are being listed
	width int           // width of the terminal
	every time.Duration // minimum time between two updates
	line  bool          // print each update on a new line instead of replacing the last update
	last  time.Time
	shown bool
}

// counted yields the elements of all. It shows progress if stderr is a terminal that no other output uses.
func (p *program) counted(c *config, all iter.Seq2[ecs.Instance, error]) iter.Seq2[ecs.Instance, error] {
	buffered := c.sort != nil || c.format.whole
	if !terminal.IsTerminal(p.stderr) || c.verbose || !buffered && terminal.IsTerminal(p.stdout) {
		return all
	}
	where := "all regions"
	if r := c.Sources[0].Regions; r != nil {
		where = strings.Join(r, ", ")
	}
	bar := &progress{w: p.stderr, where: where, width: terminal.Columns(p.stderr, p.getenv), every: 100 * time.Millisecond}
	if term := p.getenv("TERM"); term == "dumb" || term == "" {
		bar.line, bar.every = true, 5*time.Second
	}
	return bar.count(all)
}

func (b *progress) count(all iter.Seq2[ecs.Instance, error]) iter.Seq2[ecs.Instance, error] {
	return func(yield func(ecs.Instance, error) bool) {
		defer b.clear()
		n := 0
		b.last = time.Now()
		for inst, err := range all {
			if err == nil {
				n++
			}
			if now := time.Now(); now.Sub(b.last) >= b.every {
				b.last = now
				b.show(fmt.Sprintf("listing: %s so far in %s", instances(n), b.where))
			}
			if !yield(inst, err) {
				return
			}
		}
	}
}

func (b *progress) show(text string) {
	text = terminal.Printable(text)
	if b.line {
		fmt.Fprintln(b.w, "inventory: "+text)
		return
	}
	b.shown = true
	fmt.Fprint(b.w, "\r\x1b[K"+terminal.Snip(text, b.width-1)) // a second line could not be erased
}

func (b *progress) clear() {
	if b.shown {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}
