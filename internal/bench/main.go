// Command bench compares the performance of this SDK with the vendor's old SDK and with plain HTTP. It prints a table
// with one row per measurement. See README.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	if os.Getenv(serverEnv) != "" {
		if err := serve(context.Background(), os.Stdin, os.Stdout); err != nil {
			log.Fatal("server: ", err)
		}
		return
	}
	quick := flag.Bool("quick", false, "run fewer and shorter rounds, and skip target 6; this takes about a minute")
	only := flag.String("only", "1,2,3,4,5,6,7,8", "comma-separated `numbers` of the targets to measure")
	flag.Parse()
	if err := run(context.Background(), *quick, *only); err != nil {
		log.Fatal("bench: ", err)
	}
}

// bench runs the measurements and collects their results.
type bench struct {
	*server
	quick  bool
	rounds int
	rows   []row
}

func run(ctx context.Context, quick bool, only string) error {
	s, err := startServer(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	b := &bench{server: s, quick: quick, rounds: 7}
	if quick {
		b.rounds = 3
	}
	for _, t := range []struct {
		target string
		run    func(context.Context) error
	}{
		{"1", b.pages}, {"2", b.listings}, {"2", b.scans}, {"3", b.memory}, {"4", b.requests}, {"5", b.channel}, {"6", b.imports}, {"7", b.growth}, {"8", b.lookups},
	} {
		if !strings.Contains(only, t.target) || quick && t.target == "6" {
			continue
		}
		start := time.Now()
		if err := t.run(ctx); err != nil {
			return fmt.Errorf("target %s: %w", t.target, err)
		}
		log.Printf("target %s measured in %.0f s", t.target, time.Since(start).Seconds())
	}
	fmt.Printf("%s, %s/%s, %d CPUs, %d rounds; median (minimum–maximum)\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), b.rounds)
	report(os.Stdout, b.rows)
	return nil
}
