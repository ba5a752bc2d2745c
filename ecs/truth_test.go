package ecs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/pagination"
	"github.com/aliyun-ecs/sdk-go/signer"
)

const emptyList = `{"RequestId":"R","NextToken":"","TotalCount":0,"Instances":{"Instance":[]}}`

// denied responds like a server on which a missing permission causes empty lists, and only dry runs are rejected.
func denied(q url.Values) (int, []byte) {
	if q.Get("DryRun") == "true" {
		return 403, []byte(`{"Code":"Forbidden.RAM","Message":"m","AccessDeniedDetail":{"AuthAction":"ecs:DescribeInstances"}}`)
	}
	return 200, []byte(emptyList)
}

// fleetOfRows returns n instances that were created one day apart. The first instance is the newest.
func fleetOfRows(n int) []row {
	now := time.Now()
	rows := make([]row, n)
	for i := range rows {
		rows[i] = row{fmt.Sprintf("i-bp1%017d", i), now.Add(-time.Duration(i) * 24 * time.Hour)}
	}
	return rows
}

func rowIDs(rows []row) []string {
	list := make([]string, len(rows))
	for i, r := range rows {
		list[i] = r.id
	}
	return list
}

// truthForms returns the ways of listing a region, keyed by name. Each way must yield either a complete listing or an
// error.
func truthForms(rows []row) map[string]way {
	forms := maps.Clone(ways)
	forms["InstancesInRegions"] = func(c *ecs.Client, ctx context.Context, req ecs.DescribeInstancesRequest) iter.Seq2[ecs.Instance, error] {
		return c.InstancesInRegions(ctx, []string{"cn-hangzhou"}, req, nil)
	}
	forms["InstancesInRegions, scanned"] = func(c *ecs.Client, ctx context.Context, req ecs.DescribeInstancesRequest) iter.Seq2[ecs.Instance, error] {
		return c.InstancesInRegions(ctx, []string{"cn-hangzhou"}, req, &ecs.RegionsOptions{Workers: 4})
	}
	forms["Instances by id"] = func(c *ecs.Client, ctx context.Context, req ecs.DescribeInstancesRequest) iter.Seq2[ecs.Instance, error] {
		req.InstanceIDs = rowIDs(rows)
		return c.Instances(ctx, req)
	}
	forms["ScanInstances by id"] = func(c *ecs.Client, ctx context.Context, req ecs.DescribeInstancesRequest) iter.Seq2[ecs.Instance, error] {
		req.InstanceIDs = rowIDs(rows)
		return c.ScanInstances(ctx, req, nil)
	}
	forms["GetInstances"] = func(c *ecs.Client, ctx context.Context, _ ecs.DescribeInstancesRequest) iter.Seq2[ecs.Instance, error] {
		return func(yield func(ecs.Instance, error) bool) {
			list, err := c.GetInstances(ctx, rowIDs(rows)...)
			for _, inst := range list {
				if !yield(inst, nil) {
					return
				}
			}
			if err != nil {
				yield(ecs.Instance{}, err)
			}
		}
	}
	return forms
}

// signedBy returns a function that sets the signer: V1 if n is even, and V3 if n is odd.
func signedBy(n int) func(*ecs.Options) {
	return func(o *ecs.Options) { o.Signer = []signer.Signer{signer.V1{}, signer.V3{}}[n%2] }
}

// TestPermissionWithdrawnMidway checks that a listing ends with ErrForbidden if the permission is withdrawn after
// some pages.
func TestPermissionWithdrawnMidway(t *testing.T) {
	t.Parallel()
	for name := range truthForms(nil) {
		for after := range 4 {
			inVirtualTime(t, fmt.Sprintf("%s/after %d pages", name, after), func(t *testing.T) {
				o := &oddECS{rows: fleetOfRows(450), latency: 10 * time.Millisecond}
				o.intercept = func(q url.Values, n int) (int, []byte) {
					if n > after || n == 0 {
						return denied(q)
					}
					return 0, nil
				}
				c := o.client(t, signedBy(after))
				got, err := collect(truthForms(o.rows)[name](c, t.Context(), ecs.DescribeInstancesRequest{}))
				if _, missing := errorAs[*ecs.NotFoundError](err); missing || !errors.Is(err, ecs.ErrForbidden) {
					t.Errorf("got %d of 450 instances and error %v", len(got), err)
				}
				if name == "GetInstances" && len(got) > 0 {
					t.Errorf("%d instances with %v", len(got), err)
				}
			})
		}
	}
}

// TestPermissionAwayForAMoment checks that a listing is complete if the permission is missing for only one page.
func TestPermissionAwayForAMoment(t *testing.T) {
	t.Parallel()
	for name := range truthForms(nil) {
		for page := 2; page <= 4; page++ {
			inVirtualTime(t, fmt.Sprintf("%s/page %d", name, page), func(t *testing.T) {
				o := &oddECS{rows: fleetOfRows(450), latency: 10 * time.Millisecond}
				pages := 0
				o.intercept = func(q url.Values, n int) (int, []byte) {
					if n > 0 && !q.Has("PageSize") { // not a count request
						if pages++; pages == page {
							return denied(q)
						}
					}
					return 0, nil
				}
				got, err := collect(truthForms(o.rows)[name](o.client(t, signedBy(page)), t.Context(), ecs.DescribeInstancesRequest{}))
				if err != nil || len(got) != 450 || o.dryRuns != 1 {
					t.Errorf("%d of 450 instances, %d dry runs, %v", len(got), o.dryRuns, err)
				}
			})
		}
	}
}

// TestPermissionThatComesLate checks that a listing is complete if the permission of a new user takes effect only after
// the first request.
func TestPermissionThatComesLate(t *testing.T) {
	t.Parallel()
	late := func(rows int) *oddECS {
		o := &oddECS{rows: fleetOfRows(rows)}
		o.intercept = func(q url.Values, n int) (int, []byte) {
			if n == 1 {
				return denied(q)
			}
			return 0, nil
		}
		return o
	}
	for name := range truthForms(nil) {
		inVirtualTime(t, name, func(t *testing.T) {
			o := late(150)
			got, err := collect(truthForms(o.rows)[name](o.client(t), t.Context(), ecs.DescribeInstancesRequest{}))
			if err != nil || len(got) != 150 {
				t.Errorf("%d of 150 instances, %v", len(got), err)
			}
		})
	}
	inVirtualTime(t, "GetInstance", func(t *testing.T) {
		o := late(1)
		if _, err := o.client(t).GetInstance(t.Context(), o.rows[0].id); err != nil {
			t.Error(err)
		}
	})
	inVirtualTime(t, "WaitUntilGone", func(t *testing.T) {
		o := late(1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := o.client(t).WaitUntilGone(ctx, o.rows[0].id); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the instance exists, but WaitUntilGone returned %v", err)
		}
	})
	// The permission is withdrawn after the third page. The listing must not rely on the earlier dry run, which
	// succeeded.
	inVirtualTime(t, "and is withdrawn later", func(t *testing.T) {
		o := late(450)
		first := o.intercept
		o.intercept = func(q url.Values, n int) (int, []byte) {
			if n > 3 || n == 0 && o.lists > 3 {
				return denied(q)
			}
			return first(q, n)
		}
		if got, err := collect(o.client(t).Instances(t.Context(), ecs.DescribeInstancesRequest{})); !errors.Is(err, ecs.ErrForbidden) || len(got) != 200 {
			t.Errorf("got %d of 450 instances and error %v", len(got), err)
		}
	})
}

// TestEmptyEndThatCannotBeChecked checks that an empty page causes an UnconfirmedError if the dry run is inconclusive.
func TestEmptyEndThatCannotBeChecked(t *testing.T) {
	t.Parallel()
	for what, answer := range map[string]string{
		"503": `503 {"Code":"ServiceUnavailable","Message":"m"}`, "throttled": `400 {"Code":"Throttling.User","Message":"m"}`,
		"parameter": `400 {"Code":"InvalidParameter","Message":"m"}`, "proxy": `403 <html>no</html>`, "ignored": "200 " + emptyList,
	} {
		for name := range truthForms(nil) {
			inVirtualTime(t, what+"/"+name, func(t *testing.T) {
				o := &oddECS{rows: fleetOfRows(450)}
				o.intercept = func(_ url.Values, n int) (int, []byte) {
					switch {
					case n == 0:
						status, body, _ := strings.Cut(answer, " ")
						code, _ := strconv.Atoi(status)
						return code, []byte(body)
					case n > 2:
						return 200, []byte(emptyList)
					}
					return 0, nil
				}
				c := o.client(t, signedBy(len(what)), func(o *ecs.Options) { o.Retry.MaxAttempts = 1 })
				got, err := collect(truthForms(o.rows)[name](c, t.Context(), ecs.DescribeInstancesRequest{}))
				unconfirmed, ok := errorAs[*ecs.UnconfirmedError](err)
				if _, api := errorAs[*ecs.Error](err); !ok || !api || unconfirmed.Region != "cn-hangzhou" {
					t.Errorf("%d instances, %v, want an UnconfirmedError", len(got), err)
				}
			})
		}
	}
}

// TestConfirmedEmptyIsRemembered checks that the confirmation of an empty listing is cached for five minutes, and is
// valid only for the same request.
func TestConfirmedEmptyIsRemembered(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, "", func(t *testing.T) {
		o := &oddECS{}
		denying := false
		o.intercept = func(q url.Values, _ int) (int, []byte) {
			if denying {
				return denied(q)
			}
			return 0, nil
		}
		c := o.client(t)
		list := func(what string, dryRuns, instances int, want error, req ecs.DescribeInstancesRequest) {
			t.Helper()
			before := o.dryRuns
			got, err := collect(c.Instances(t.Context(), req))
			if len(got) != instances || !errors.Is(err, want) || o.dryRuns != before+dryRuns {
				t.Errorf("%s: %d instances, %d dry runs, %v", what, len(got), o.dryRuns-before, err)
			}
		}
		all, one := ecs.DescribeInstancesRequest{}, ecs.DescribeInstancesRequest{InstanceIDs: []string{"i-1"}}
		list("first", 1, 0, nil, all)
		list("remembered", 0, 0, nil, all)
		list("another page size", 0, 0, nil, ecs.DescribeInstancesRequest{MaxResults: 10})
		list("another request", 1, 0, nil, ecs.DescribeInstancesRequest{ZoneID: "z"})
		list("an id is always checked", 1, 0, nil, one)
		list("an id is always checked", 1, 0, nil, one)
		<-time.After(5 * time.Minute)
		list("forgotten", 1, 0, nil, all)
		other, err := c.InRegion("cn-beijing")
		if err != nil {
			t.Fatal(err)
		}
		if _, err = collect(other.Instances(t.Context(), all)); err != nil || o.dryRuns != 6 {
			t.Errorf("another region: %d dry runs, %v", o.dryRuns, err)
		}
		o.rows = fleetOfRows(1)
		list("an instance by its id", 0, 1, nil, ecs.DescribeInstancesRequest{InstanceIDs: rowIDs(o.rows)})
		denying = true
		list("withdrawn before it was listed", 1, 0, ecs.ErrForbidden, all)
		denying = false
		list("an instance", 0, 1, nil, all)
		denying = true
		list("withdrawn", 1, 0, ecs.ErrForbidden, all)
		denying = false
		o.rows = nil
		list("restored", 1, 0, nil, all)
		zone := ecs.DescribeInstancesRequest{ZoneID: "z"}
		list("empty with a filter", 1, 0, nil, zone)
		denying = true
		list("another filter is denied", 1, 0, ecs.ErrForbidden, ecs.DescribeInstancesRequest{ZoneID: "y"})
		denying = false
		list("a denial cancels all confirmations", 1, 0, nil, zone)
		o.rows = fleetOfRows(1)
		list("an instance with the filter", 0, 1, nil, zone)
		denying = true
		list("withdrawn with the filter", 1, 0, ecs.ErrForbidden, zone)
		denying, o.emptyEnd = false, true
		list("an empty last page after an instance", 1, 1, nil, zone)
		denying = true
		list("withdrawn after an empty last page", 1, 0, ecs.ErrForbidden, zone)
		denying, o.rows, o.dryRuns = false, nil, 9
		if _, err = collect(o.client(t, func(o *ecs.Options) { o.TrustEmpty = true }).Instances(t.Context(), all)); err != nil || o.dryRuns != 9 {
			t.Errorf("with TrustEmpty: %d dry runs, %v", o.dryRuns, err)
		}
	})
}

// TestWaitWithoutPermission checks that a wait ends with ErrForbidden if the permission is withdrawn. The instances
// must not be treated as deleted.
func TestWaitWithoutPermission(t *testing.T) {
	t.Parallel()
	// If part is 1, all instances are denied. Otherwise, only requests with the first id are permitted.
	for _, part := range []int{1, 150, 250} {
		inVirtualTime(t, fmt.Sprint(part), func(t *testing.T) {
			o := &oddECS{rows: fleetOfRows(250)}
			lost := false
			o.intercept = func(q url.Values, n int) (int, []byte) {
				if lost && (n == 0 || !strings.Contains(q.Get("InstanceIds"), o.rows[0].id) || part == 1) {
					return denied(q)
				}
				return 0, nil
			}
			timer := time.AfterFunc(10*time.Second, func() { o.mu.Lock(); lost = true; o.mu.Unlock() })
			defer timer.Stop()
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			for what, err := range map[string]error{"gone": o.client(t).WaitUntilGone(ctx, rowIDs(o.rows)...)} {
				w, ok := errorAs[*ecs.WaitError](err)
				if !ok || !errors.Is(err, ecs.ErrForbidden) || len(w.Pending) != 250 {
					t.Errorf("%s: %v", what, err)
				}
			}
			_, err := o.client(t).WaitForStatus(ctx, ecs.InstanceStatusRunning, rowIDs(o.rows)...)
			if !errors.Is(err, ecs.ErrForbidden) {
				t.Errorf("status: %v", err)
			}
		})
	}
}

// pageModeOnly responds like a server that supports page numbers but not tokens.
func pageModeOnly(rows func() []row, size int) func(q url.Values, n int) (int, []byte) {
	return func(q url.Values, n int) (int, []byte) {
		if n == 0 {
			return 0, nil
		}
		number, _ := strconv.Atoi(q.Get("PageNumber"))
		perPage := size
		if s, _ := strconv.Atoi(q.Get("PageSize")); s > 0 {
			perPage = s
		}
		all := rows()
		from := min(max(number-1, 0)*perPage, len(all))
		return 200, listBody(all[from:min(from+perPage, len(all))], "", len(all))
	}
}

func listBody(rows []row, token string, total int) []byte {
	var list []string
	for _, r := range rows {
		list = append(list, fmt.Sprintf(`{"InstanceId":%q}`, r.id))
	}
	return fmt.Appendf(nil, `{"TotalCount":%d,"NextToken":%q,"Instances":{"Instance":[%s]}}`, total, token, strings.Join(list, ","))
}

func TestServerWithoutTokens(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Instances", "InstancePages", "StreamInstances", "ScanInstances", "InstancesInRegions", "InstancesInRegions, scanned"} {
		for _, size := range []int{10, 100} { // the server's default PageSize
			for _, n := range []int{1, 100, 101, 250, 300} {
				inVirtualTime(t, fmt.Sprintf("%s/%d of %d", name, size, n), func(t *testing.T) {
					o := &oddECS{rows: fleetOfRows(n)}
					o.intercept = pageModeOnly(func() []row { return o.rows }, size)
					got, err := collect(truthForms(nil)[name](o.client(t, signedBy(n)), t.Context(), ecs.DescribeInstancesRequest{}))
					most := n/100 + 3
					if name == "ScanInstances" {
						most += 7 // samples, which the other 7 of 8 workers may read
					}
					if err != nil || len(got) != n || o.lists > most {
						t.Errorf("%d of %d instances in %d requests, %v", len(got), n, o.lists, err)
					}
					want := (n + 99) / 100
					if size < min(n, 100) {
						want++ // the first page has only size instances
					}
					if name == "Instances" && o.lists != want {
						t.Errorf("%d requests, want %d", o.lists, want)
					}
				})
			}
		}
	}
	inVirtualTime(t, "instances move between pages", func(t *testing.T) {
		o := &oddECS{rows: fleetOfRows(450)}
		rows := o.rows
		serve := pageModeOnly(func() []row { return rows }, 100)
		o.intercept = func(q url.Values, n int) (int, []byte) {
			if n == 4 { // all later instances move up by one position
				rows = rows[1:]
			}
			return serve(q, n)
		}
		got, err := collect(o.client(t).Instances(t.Context(), ecs.DescribeInstancesRequest{}))
		if err != nil || len(got) != 450 {
			t.Errorf("got %d of 450 instances and error %v", len(got), err)
		}
	})
	// The listing reads pages 1 to 3, then all pages again because TotalCount changed in request 3.
	for name, change := range map[string]func(rows []row, n int) []row{
		"an instance is released": func(rows []row, n int) []row {
			if n == 3 {
				return rows[:249]
			}
			return rows
		},
		"an instance is released, and another created while the pages are read again": func(rows []row, n int) []row {
			switch n {
			case 3:
				return rows[:249]
			case 5:
				return append([]row{{id: "i-new"}}, rows...)
			}
			return rows
		},
	} {
		inVirtualTime(t, name, func(t *testing.T) {
			o := &oddECS{}
			rows := fleetOfRows(250)
			serve := pageModeOnly(func() []row { return rows }, 100)
			o.intercept = func(q url.Values, n int) (int, []byte) {
				rows = change(rows, n)
				return serve(q, n)
			}
			got, err := collect(o.client(t).Instances(t.Context(), ecs.DescribeInstancesRequest{}))
			if err != nil || len(got) != len(rows) {
				t.Errorf("got %d of %d instances and error %v", len(got), len(rows), err)
			}
		})
	}
	inVirtualTime(t, "the permission is missing for one page", func(t *testing.T) {
		o := &oddECS{rows: fleetOfRows(250)}
		serve := pageModeOnly(func() []row { return o.rows }, 100)
		o.intercept = func(q url.Values, n int) (int, []byte) {
			if n == 2 {
				return 200, []byte(emptyList)
			}
			if n == 0 && (q.Has("PageNumber") || q.Has("PageSize")) {
				t.Errorf("the dry run has page parameters: %v", q)
			}
			return serve(q, n)
		}
		got, err := collect(o.client(t).Instances(t.Context(), ecs.DescribeInstancesRequest{}))
		if err != nil || len(got) != 250 || o.dryRuns != 1 {
			t.Errorf("got %d of 250 instances after %d dry runs and error %v", len(got), o.dryRuns, err)
		}
	})
	for size, want := range map[int]string{10: "10", 50: "50", 500: "100"} {
		inVirtualTime(t, fmt.Sprintf("page size %d", size), func(t *testing.T) {
			o := &oddECS{rows: fleetOfRows(1100)}
			serve := pageModeOnly(func() []row { return o.rows }, 10)
			o.intercept = func(q url.Values, n int) (int, []byte) {
				if q.Has("PageNumber") && q.Get("PageSize") != want {
					t.Errorf("got PageSize %s, want %s", q.Get("PageSize"), want)
				}
				return serve(q, n)
			}
			got, err := collect(o.client(t).Instances(t.Context(), ecs.DescribeInstancesRequest{MaxResults: size}))
			if err != nil || len(got) != 1100 {
				t.Errorf("got %d of 1100 instances and error %v", len(got), err)
			}
		})
	}
	for shown, req := range map[int]ecs.DescribeInstancesRequest{1000: byTag, 900: byTag, 1020: {}} {
		capped := shown == 1000
		inVirtualTime(t, fmt.Sprintf("%d of 1300 instances", shown), func(t *testing.T) {
			o := &oddECS{}
			rows := fleetOfRows(shown)
			serve := pageModeOnly(func() []row { return rows }, 100)
			o.intercept = func(q url.Values, n int) (int, []byte) {
				status, body := serve(q, n)
				return status, bytes.Replace(body, fmt.Appendf(nil, `"TotalCount":%d`, shown), []byte(`"TotalCount":1300`), 1)
			}
			got, err := collect(o.client(t).Instances(t.Context(), req))
			if _, ok := errorAs[*ecs.CappedError](err); err == nil || ok != capped || len(got) != shown {
				t.Errorf("got %d instances and error %v, want a CappedError: %v", len(got), err, capped)
			}
		})
	}
	for name, tt := range map[string]struct {
		answer func(q url.Values, n int) (int, []byte)
		want   int
		text   string // part of the error message; empty if no error is expected
	}{
		"TotalCount above the number of instances": {func(url.Values, int) (int, []byte) { return 200, listBody(fleetOfRows(100), "", 250) }, 100, "TotalCount of 250"},
		"huge TotalCount":                          {func(url.Values, int) (int, []byte) { return 200, listBody(fleetOfRows(100), "", math.MaxInt32) }, 100, "not complete"},
		"outdated TotalCount": {func(q url.Values, n int) (int, []byte) {
			if q.Has("PageNumber") {
				return 200, listBody(nil, "", 100)
			}
			return 200, listBody(fleetOfRows(100), "", 250)
		}, 100, ""},
		"page numbers are rejected": {func(q url.Values, n int) (int, []byte) {
			if q.Has("PageNumber") {
				return 400, []byte(`{"Code":"NotSupported.PageNumberAndPageSize","Message":"m"}`)
			}
			return 200, listBody(fleetOfRows(100), "", 250)
		}, 100, ""},
		"page numbers fail": {func(q url.Values, n int) (int, []byte) {
			if q.Has("PageNumber") {
				return 400, []byte(`{"Code":"InternalError","Message":"m"}`)
			}
			return 200, listBody(fleetOfRows(100), "", 250)
		}, 100, "InternalError"},
		"page numbers fail with a known code": {func(q url.Values, n int) (int, []byte) {
			if q.Has("PageNumber") {
				return 500, []byte(`{"Code":"InvalidParameter","Message":"m"}`)
			}
			return 200, listBody(fleetOfRows(100), "", 250)
		}, 100, "InvalidParameter"},
		"page numbers meet a proxy": {func(q url.Values, n int) (int, []byte) {
			if q.Has("PageNumber") {
				return 404, []byte(`<html>no</html>`)
			}
			return 200, listBody(fleetOfRows(100), "", 250)
		}, 100, "404"},
		"page numbers are throttled": {func(q url.Values, n int) (int, []byte) {
			if q.Has("PageNumber") {
				return 400, []byte(`{"Code":"Throttling.User","Message":"m"}`)
			}
			return 200, listBody(fleetOfRows(100), "", 250)
		}, 100, "Throttling.User"},
		"page numbers meet an invalid key": {func(q url.Values, n int) (int, []byte) {
			if q.Has("PageNumber") {
				return 404, []byte(`{"Code":"InvalidAccessKeyId.NotFound","Message":"m"}`)
			}
			return 200, listBody(fleetOfRows(100), "", 250)
		}, 100, "InvalidAccessKeyId.NotFound"},
		"page numbers are denied": {func(q url.Values, n int) (int, []byte) {
			if q.Has("PageNumber") {
				return denied(url.Values{"DryRun": {"true"}})
			}
			return 200, listBody(fleetOfRows(100), "", 250)
		}, 100, "Forbidden.RAM"},
		"wrong TotalCount with tokens": {func(q url.Values, n int) (int, []byte) {
			if q.Get("NextToken") == "" {
				return 200, listBody(fleetOfRows(100), "t", 7000)
			}
			return 200, listBody(fleetOfRows(150)[100:], "", 7000)
		}, 150, ""},
	} {
		inVirtualTime(t, name, func(t *testing.T) {
			o := &oddECS{}
			o.intercept = func(q url.Values, n int) (int, []byte) {
				if n == 0 {
					return 0, nil
				}
				return tt.answer(q, n)
			}
			got, err := collect(o.client(t, func(o *ecs.Options) { o.Retry.MaxAttempts = 1 }).Instances(t.Context(), ecs.DescribeInstancesRequest{}))
			if len(got) != tt.want || (err == nil) != (tt.text == "") || err != nil && !strings.Contains(err.Error(), tt.text) || o.lists > 500 {
				t.Errorf("%d instances in %d requests, %v", len(got), o.lists, err)
			}
		})
	}
}

// TestListingWithoutEnd checks that a listing ends with an error if the server never stops returning new tokens.
func TestListingWithoutEnd(t *testing.T) {
	t.Parallel()
	rows := fleetOfRows(200)
	pages := map[string]func(n int) []row{
		"the same instance":     func(int) []row { return rows[:1] },
		"the same page":         func(int) []row { return rows[:100] },
		"two alternating pages": func(n int) []row { return rows[n%2*100:][:100] },
		"overlapping pages":     func(n int) []row { return rows[n*7%100:][:100] },
	}
	for _, name := range slices.Sorted(maps.Keys(ways)) {
		for what, page := range pages {
			if testing.Short() && what != "overlapping pages" {
				continue
			}
			inVirtualTime(t, name+"/"+what, func(t *testing.T) {
				o := &oddECS{pages: 1}
				o.intercept = func(_ url.Values, n int) (int, []byte) { return 200, listBody(page(n), fmt.Sprint("t", n), 0) }
				got, err := collect(ways[name](o.client(t, signedBy(len(what))), t.Context(), ecs.DescribeInstancesRequest{}))
				if !errors.Is(err, pagination.ErrEmptyPages) || len(got) == 0 || o.lists > 1500 {
					t.Errorf("%d instances in %d pages, %v", len(got), o.lists, err)
				}
			})
		}
	}
	inVirtualTime(t, "a new instance after each empty page", func(t *testing.T) {
		o := &oddECS{}
		o.intercept = func(_ url.Values, n int) (int, []byte) {
			switch {
			case n == 0:
				return 0, nil
			case n%2 == 0 || n > 50:
				return 200, []byte(emptyList)
			}
			return 200, listBody([]row{{id: fmt.Sprint("i-", n)}}, fmt.Sprint("t", n), 0)
		}
		if got, err := collect(o.client(t).Instances(t.Context(), ecs.DescribeInstancesRequest{})); o.dryRuns != 3 {
			t.Errorf("%d instances after %d dry runs, %v", len(got), o.dryRuns, err)
		}
	})
	inVirtualTime(t, "ListTagResources", func(t *testing.T) {
		o := &oddECS{}
		o.intercept = func(_ url.Values, n int) (int, []byte) {
			return 200, fmt.Appendf(nil, `{"NextToken":"t%d","TagResources":{"TagResource":[{"ResourceId":"i-1","TagKey":"k"}]}}`, n)
		}
		var last error
		for _, err := range o.client(t).ListTagResources(t.Context(), ecs.ListTagResourcesRequest{Tags: byTag.Tags}) {
			last = err
		}
		if !errors.Is(last, pagination.ErrEmptyPages) || o.lists > 150 {
			t.Errorf("%d pages, %v", o.lists, last)
		}
	})
}

// TestNearTheCap checks a listing for which the API returns slightly fewer instances than its limit of 1,000, because
// instances were released. The listing must still be complete.
func TestNearTheCap(t *testing.T) {
	t.Parallel()
	for _, name := range slices.Sorted(maps.Keys(ways)) {
		for _, released := range volume([]int{1, 40}, []int{40}) {
			inVirtualTime(t, fmt.Sprintf("%s/%d released", name, released), func(t *testing.T) {
				const size, first = 1300, 950
				m := &model{rng: rand.New(rand.NewPCG(1, 1)), fleet: fleetOfRows(size), pageSize: 100, unreadable: -1, tagCap: 1000, pageNumbers: "work", totals: "zero"}
				gone := rowIDs(m.fleet[first : first+released])
				n := 0
				for inst, err := range ways[name](m.client(t), t.Context(), byTag) {
					if err != nil {
						t.Fatal(err)
					}
					if n++; n == 1 {
						m.mu.Lock()
						m.fleet = slices.Delete(slices.Clone(m.fleet), first, first+released)
						m.tagCap -= released // no instance beyond the cap takes the place of a released instance
						m.mu.Unlock()
					}
					if slices.Contains(gone, inst.InstanceID) {
						t.Errorf("%s was yielded after its release", inst.InstanceID)
					}
				}
				if n != size-released {
					t.Errorf("%d of %d instances", n, size-released)
				}
			})
		}
	}
}

// TestBeyondTheCap releases instances that were already listed while the API limits the listing to 1,000 instances. The
// listing must still be complete.
func TestBeyondTheCap(t *testing.T) {
	t.Parallel()
	for _, name := range slices.Sorted(maps.Keys(ways)) {
		for _, released := range volume([]int{1, 7, 40}, []int{7}) {
			inVirtualTime(t, fmt.Sprintf("%s/%d released", name, released), func(t *testing.T) {
				const size = 1300
				m := &model{rng: rand.New(rand.NewPCG(1, 1)), fleet: fleetOfRows(size), pageSize: 100, unreadable: -1, tagCap: 1000, pageNumbers: "work", totals: "zero"}
				n := 0
				for _, err := range ways[name](m.client(t), t.Context(), byTag) {
					if err != nil {
						t.Fatal(err)
					}
					if n++; n == 500 {
						m.mu.Lock()
						m.fleet = m.fleet[released:]
						m.mu.Unlock()
					}
				}
				if n < size-released {
					t.Errorf("%d of %d instances", n, size-released)
				}
			})
		}
	}
}

// TestCappedWithUnreadableTags checks that a listing ends with an IncompleteError if the tags or the resource group of
// an instance cannot be read. The instance may match the filter.
func TestCappedWithUnreadableTags(t *testing.T) {
	t.Parallel()
	for member, req := range map[string]ecs.DescribeInstancesRequest{"Tags": byTag, "ResourceGroupId": {ResourceGroupID: "rg-1"}} {
		inVirtualTime(t, member, func(t *testing.T) {
			fleet := numbered(1000, "cn-hangzhou", func(i int, inst *ecs.Instance) {
				if inst.Tags, inst.ResourceGroupID = byTag.Tags, "rg-1"; i == 500 {
					inst.Tags, inst.ResourceGroupID, inst.Extra = nil, "", map[string]json.RawMessage{member: json.RawMessage("[[1]]")}
				}
			})
			srv := newCloud(t, nil, fleet...)
			req.InstanceIDs = ids(fleet)
			got, err := collect(srv.client.Instances(t.Context(), req))
			incomplete, ok := errorAs[*ecs.IncompleteError](err)
			if len(got) != 999 || !ok || incomplete.Undecoded[0].InstanceID != fleet[500].InstanceID {
				t.Errorf("got %d instances and error %v", len(got), err)
			}
		})
	}
}

// TestAmbiguousPages checks that a page is not treated as the last page if it contains a list or token twice, or an
// unusual spelling of NextToken.
func TestAmbiguousPages(t *testing.T) {
	t.Parallel()
	bodies := map[string]string{
		"two lists":                  `{%[2]s:{%[3]s:[%[1]s],%[3]s:[]}}`,
		"two wrappers":               `{%[2]s:{%[3]s:[%[1]s]},%[2]s:{%[3]s:[]}}`,
		"two tokens":                 `{"NextToken":"n","NextToken":"",%[2]s:{%[3]s:[%[1]s]}}`,
		"two spellings":              `{"NextToken":"n","nexttoken":"",%[2]s:{%[3]s:[%[1]s]}}`,
		"token in other letter case": `{"nextToken":"n",%[2]s:{%[3]s:[%[1]s]}}`, // the next page repeats the token
	}
	for what, body := range bodies {
		answer := func(wrapper, list, element string) *ecs.Client {
			text := fmt.Sprintf(body, element, strconv.Quote(wrapper), strconv.Quote(list))
			o := &oddECS{intercept: func(url.Values, int) (int, []byte) { return 200, []byte(text) }}
			return o.client(t, func(o *ecs.Options) { o.Retry.MaxAttempts = 1 })
		}
		ambiguous := func(form string, err error) {
			if err == nil {
				t.Errorf("%s, %s: no error", what, form)
			}
		}
		for name, list := range ways {
			_, err := collect(list(answer("Instances", "Instance", `{"InstanceId":"i-1"}`), t.Context(), ecs.DescribeInstancesRequest{}))
			ambiguous(name, err)
		}
		err := endOf(answer("TagResources", "TagResource", `{"ResourceId":"i-1"}`).ListTagResources(t.Context(), ecs.ListTagResourcesRequest{Tags: byTag.Tags}))
		if what != "token in other letter case" { // for ListTagResources, a repeated token is the regular end of a listing
			ambiguous("ListTagResources", err)
		}
		type vpc struct {
			ID string `json:"VpcId"`
		}
		err = endOf(ecs.CallPages[vpc](t.Context(), answer("Vpcs", "Vpc", `{"VpcId":"v"}`), "DescribeVpcs", nil, "Vpcs.Vpc"))
		ambiguous("CallPages", err)
		if !strings.Contains(body, "oken") {
			_, err = answer("Regions", "Region", `{"RegionId":"cn-a"}`).DescribeRegions(t.Context(), ecs.DescribeRegionsRequest{})
			ambiguous("DescribeRegions", err)
		}
	}
}

// TestLongLists checks that a list filter with more than 100 elements is sent in several requests, without duplicates.
func TestLongLists(t *testing.T) {
	t.Parallel()
	values := make([]string, 0, 251)
	for i := range 250 {
		values = append(values, fmt.Sprintf("198.51.%d.%d", i/100, i%100))
	}
	values = append(values, values[0]) // the duplicate must be sent only once
	for field, req := range map[string]ecs.DescribeInstancesRequest{
		"InstanceIds": {InstanceIDs: values}, "InnerIpAddresses": {InnerIPAddresses: values}, "PrivateIpAddresses": {PrivateIPAddresses: values},
		"PublicIpAddresses": {PublicIPAddresses: values}, "EipAddresses": {EIPAddresses: values}, "Ipv6Address": {IPv6Addresses: values},
	} {
		for _, name := range []string{"Instances", "InstancePages", "StreamInstances", "ScanInstances", "InstancesInRegions", "InstancesInRegions, scanned"} {
			inVirtualTime(t, field+"/"+name, func(t *testing.T) {
				list := truthForms(nil)[name]
				o := &oddECS{}
				var mu sync.Mutex
				sent := map[string]int{}
				o.intercept = func(q url.Values, n int) (int, []byte) {
					mu.Lock()
					defer mu.Unlock()
					var rows []row
					for _, v := range values[:250] {
						has := strings.Contains(q.Get(field), strconv.Quote(v))
						for name, param := range q {
							has = has || strings.HasPrefix(name, field+".") && param[0] == v
						}
						if has {
							sent[v]++
							rows = append(rows, row{id: "i-" + v})
						}
					}
					return 200, listBody(rows, "", 0)
				}
				got, err := collect(list(o.client(t), t.Context(), req))
				if err == nil && slices.Max(slices.Collect(maps.Values(sent))) > 1 {
					t.Error("a duplicate was sent")
				}
				if err != nil || len(got) != 250 || len(sent) != 250 || o.lists != 3 || o.counts != 0 {
					t.Errorf("%d instances of %d sent in %d requests, %v", len(got), len(sent), o.lists, err)
				}
			})
		}
	}
}

// TestPanickingHook checks for every way of listing that the caller can recover from a panic in a hook.
func TestPanickingHook(t *testing.T) {
	t.Parallel()
	for name := range truthForms(nil) {
		for _, at := range []int{1, 3, 6} {
			inVirtualTime(t, fmt.Sprintf("%s/%d", name, at), func(t *testing.T) {
				o := &oddECS{rows: fleetOfRows(1450), latency: time.Millisecond}
				var mu sync.Mutex
				n := 0
				c := o.client(t, func(opts *ecs.Options) {
					opts.OnAttempt = func(ecs.Attempt) {
						mu.Lock()
						defer mu.Unlock()
						if n++; n == at {
							panic(errors.New("boo"))
						}
					}
				})
				defer func() {
					if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), "boo") {
						t.Errorf("recovered %v", p)
					}
				}()
				_, err := collect(truthForms(o.rows)[name](c, t.Context(), ecs.DescribeInstancesRequest{}))
				t.Errorf("no panic, %v", err)
			})
		}
	}
}

// TestRegionsWithWorkers checks that large regions are scanned concurrently and small regions are listed page by page.
func TestRegionsWithWorkers(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, "", func(t *testing.T) {
		sizes := map[string]int{"cn-empty": 0, "cn-small": 250, "cn-large": 5000, "cn-larger": 7000}
		var servers []*oddECS
		byRegion := map[string]*oddECS{}
		total := 0
		for region, n := range sizes {
			rows := fleetOfRows(n)
			for i := range rows {
				rows[i].id += region
				rows[i].created = time.Now().Add(-time.Duration(i) * time.Hour)
			}
			byRegion[region] = &oddECS{rows: rows, latency: 50 * time.Millisecond}
			servers = append(servers, byRegion[region])
			total += n
		}
		c, err := ecs.NewClient("cn-hangzhou", &ecs.Options{Credentials: ecs.StaticCredentials("id", "secret", ""), HTTPClient: &http.Client{Transport: byHost(byRegion)}})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		got, err := collect(c.InstancesInRegions(t.Context(), slices.Collect(maps.Keys(sizes)), ecs.DescribeInstancesRequest{}, &ecs.RegionsOptions{Workers: 16}))
		took := time.Since(start) / (50 * time.Millisecond)
		if err != nil || len(got) != total || took > 16 { // listing page by page takes 70 rounds
			t.Errorf("%d of %d instances in %d rounds, %v", len(got), total, took, err)
		}
		for _, s := range servers {
			if len(s.rows) <= 300 && (s.lists > 3 || s.counts > 1) || s.mostAtOnce > 17 {
				t.Errorf("region of %d instances: %d pages, %d counts, %d concurrent requests", len(s.rows), s.lists, s.counts, s.mostAtOnce)
			}
		}
	})
	inVirtualTime(t, "more workers than permitted", func(t *testing.T) {
		o := &oddECS{rows: fleetOfRows(3000), latency: 50 * time.Millisecond}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		// Both regions have the same instances, and only one of them is scanned at a time.
		list := o.client(t).InstancesInRegions(ctx, []string{"cn-a", "cn-b"}, ecs.DescribeInstancesRequest{}, &ecs.RegionsOptions{Workers: 1000})
		got, err := collect(list)
		if err != nil || len(got) != 3000 || slices.Min(slices.Collect(maps.Values(got))) != 2 || o.mostAtOnce > 70 {
			t.Errorf("got %d of 3000 instances with %d concurrent requests and error %v", len(got), o.mostAtOnce, err)
		}
		n := 0
		for range list {
			if n++; n == 1000 {
				break // break while one region waits until the other has been scanned
			}
		}
	})
	inVirtualTime(t, "the loop ends on the first page of a region", func(t *testing.T) {
		o := &oddECS{rows: fleetOfRows(900)}
		for range o.client(t).InstancesInRegions(t.Context(), []string{"cn-a"}, ecs.DescribeInstancesRequest{}, &ecs.RegionsOptions{Workers: 4}) {
			break
		}
		if o.lists != 1 || o.counts != 0 || o.dryRuns != 0 {
			t.Errorf("%d pages, %d counts and %d dry runs", o.lists, o.counts, o.dryRuns)
		}
	})
	if err := last((&oddECS{}).client(t).InstancesInRegions(t.Context(), []string{"cn-a"}, ecs.DescribeInstancesRequest{}, &ecs.RegionsOptions{Workers: -1})); !errors.Is(err, ecs.ErrInvalidParameter) {
		t.Error(err)
	}
}

// byHost sends each request to the server of the region in the host name.
type byHost map[string]*oddECS

func (b byHost) RoundTrip(r *http.Request) (*http.Response, error) {
	return b[strings.Split(r.URL.Hostname(), ".")[1]].RoundTrip(r)
}

// TestMemoryOfAListing checks that a listing keeps only the instance ids in memory.
func TestMemoryOfAListing(t *testing.T) { //nolint:paralleltest // measures the heap of the process
	size := volume(100_000, 20_000)
	o := &oddECS{rows: fleetOfRows(size)}
	odd := strings.Repeat("x", 200) // a member whose value must not be kept in memory
	o.intercept = func(q url.Values, _ int) (int, []byte) {
		from, _ := strconv.Atoi(q.Get("NextToken"))
		token := ""
		if from+100 < len(o.rows) {
			token = strconv.Itoa(from + 100)
		}
		body := listBody(o.rows[from:from+100], token, 0)
		return 200, []byte(strings.ReplaceAll(string(body), `{"InstanceId":"i-bp1`, `{"HostName":"`+odd+`","InstanceId":"I-bp1`))
	}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, n := heap(), 0
	var most uint64
	for _, err := range o.client(t).Instances(t.Context(), ecs.DescribeInstancesRequest{}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n%(size/4) == 0 {
			most = max(most, heap()-min(before, heap()))
		}
	}
	t.Logf("%d instances, %d KiB", n, most>>10)
	if n != size || most > 12<<20 {
		t.Errorf("%d instances, %d KiB", n, most>>10)
	}
}
