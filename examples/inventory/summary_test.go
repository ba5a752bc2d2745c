package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/terminal"
)

func summarize(t *testing.T, l look, instances ...ecs.Instance) string {
	t.Helper()
	var b bytes.Buffer
	r := newSummary(&b, l)
	for _, i := range instances {
		if err := r.add(i); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.end(nil); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// row returns the totals of a group in the summary.
func row(t *testing.T, summary, group string) (instances, cpu, gib int) {
	t.Helper()
	m := regexp.MustCompile(`(?m)(?:^| {4})` + regexp.QuoteMeta(group) + ` +[▏▎▍▌▋▊▉█]* +([\d,]+) +<?\d+ % +([\d,]+) +([\d,]+)`).FindStringSubmatch(summary)
	if m == nil {
		t.Fatalf("no row for %s:\n%s", group, summary)
	}
	number := func(s string) int {
		n, _ := strconv.Atoi(strings.ReplaceAll(s, ",", ""))
		return n
	}
	return number(m[1]), number(m[2]), number(m[3])
}

func TestSummaryCounts(t *testing.T) {
	t.Parallel()
	list := fleet(2000)
	for n := range list {
		i := &list[n]
		i.CPU, i.Memory, i.InstanceChargeType, i.ExpiredTime = 4, 8<<10, ecs.InstanceChargeTypePrePaid, testNow.AddDate(1, 0, 0)
		i.InstanceType = fmt.Sprintf("ecs.g%d.large", n%30)
		switch {
		case n < 3:
			i.RegionID, i.ZoneID, i.Status = "cn-beijing", "cn-beijing-k", ecs.InstanceStatusStopped
		case n < 8:
			i.ExpiredTime = testNow.AddDate(0, 0, 14).Add(-1)
		case n < 10:
			i.ExpiredTime = testNow.Add(-1)
		case n < 20:
			i.InstanceChargeType, i.SpotStrategy = ecs.InstanceChargeTypePostPaid, ecs.SpotStrategySpotAsPriceGo
			_ = i.ExpiredTime.UnmarshalText([]byte("2099-12-31T15:59Z"))
		}
	}
	list[8].GPUAmount = 2
	for _, width := range []int{0, 60, 80, 119, 120, 140, 300} {
		got := summarize(t, look{width: width, now: testNow, expiring: 14}, list...)
		for group, want := range map[string]int{
			"Running": 1997, "Stopped": 3, "cn-hangzhou": 1997, "cn-beijing": 3, "PrePaid": 1990, "PostPaid, spot": 10,
			"within 14 days": 5, "in the past": 2, "later": 1983, "ecs.g0.large": 67, "21 others": 2000 - 9*67,
		} {
			if n, cpu, gib := row(t, got, group); n != want || cpu != 4*want || gib != 8*want {
				t.Errorf("width %d: %s: %d instances, %d vCPU, %d GiB; want %d", width, group, n, cpu, gib, want)
			}
		}
		if !strings.HasPrefix(got, "2,000 instances   8,000 vCPU   16,000 GiB memory   2 GPUs\n") || strings.Contains(got, "ZONE") {
			t.Errorf("width %d:\n%s", width, got)
		}
		for line := range strings.Lines(got) {
			if w := terminal.Width(strings.TrimSuffix(line, "\n")); w > max(width, 60) && width > 0 || strings.HasSuffix(line, " \n") {
				t.Errorf("width %d: a line is %d wide: %q", width, w, line)
			}
		}
	}

	one := summarize(t, look{now: testNow, expiring: 14}, list[20:]...)
	if strings.Contains(one, "REGION") {
		t.Error("the summary shows the grouping of a single region")
	}
	if n, _, _ := row(t, one, "cn-hangzhou-h"); n != 1980 {
		t.Errorf("%d instances in the zone", n)
	}
}

// TestBars verifies that bars are proportional to the number of instances and are never empty.
func TestBars(t *testing.T) {
	t.Parallel()
	list := fleet(1000)
	for n := range list {
		if n < 251 {
			list[n].Status = ecs.InstanceStatusStopped
		}
		if n == 0 {
			list[n].Status = ecs.InstanceStatusPending
		}
	}
	got := summarize(t, look{}, list...)
	length := func(group string) (eighths int) {
		for _, r := range regexp.MustCompile(group + ` +([▏▎▍▌▋▊▉█]+)`).FindStringSubmatch(got)[1] {
			eighths += map[rune]int{'▏': 1, '▎': 2, '▍': 3, '▌': 4, '▋': 5, '▊': 6, '▉': 7, '█': 8}[r]
		}
		return eighths
	}
	if all, third, least := length("Running"), length("Stopped"), length("Pending"); all < 100 || third != all*250/749 || least != 1 {
		t.Errorf("bars of %d, %d and %d eighths:\n%s", all, third, least, got)
	}
}

func TestSummaryColors(t *testing.T) {
	t.Parallel()
	list := fleet(20)
	list[3].Status = ecs.InstanceStatusStopped
	plain, colored := summarize(t, look{width: 140}, list...), summarize(t, look{width: 140, color: true}, list...)
	if strings.Contains(plain, "\x1b") || terminal.Unstyled(colored) != plain {
		t.Errorf("without colors, %q differs from %q", colored, plain)
	}
}

func TestThousands(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 123456: "123,456", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}
