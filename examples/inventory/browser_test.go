package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
	"github.com/aliyun-ecs/sdk-go/examples/internal/hostile"
	"github.com/aliyun-ecs/sdk-go/examples/internal/realtool"
	"github.com/aliyun-ecs/sdk-go/examples/internal/wording"
)

// browser starts a real browser for the tests of the HTML page. Each test opens a new tab.
func browser(t *testing.T) context.Context {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(realtool.Find(t, "chromium", "chromium", "chromium-browser", "google-chrome"))}
	for _, name := range []string{
		"headless", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "disable-quic", "no-first-run",
		"disable-background-networking", "disable-component-update", "disable-sync",
	} {
		options = append(options, chromedp.Flag(name, true))
	}
	// Do not use t.Context: it ends before the cleanup functions run, but the browser must be closed by a cleanup
	// function.
	ctx, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	ctx, _ = chromedp.NewContext(ctx)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Error(err)
		}
		stop()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// savePage writes a page to a file and returns the file's URL.
func savePage(t *testing.T, html string) (url string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "fleet.html")
	if err := os.WriteFile(file, []byte(html), 0o600); err != nil {
		t.Fatal(err)
	}
	return "file://" + filepath.ToSlash(file)
}

// tab is a browser tab with an open page.
type tab struct {
	*testing.T
	ctx context.Context //nolint:containedctx // the context represents the tab
}

// open opens a page in a new tab. When the test ends, open verifies that the page has logged no errors and has
// requested nothing except the page itself.
func open(t *testing.T, browser context.Context, url string) tab {
	t.Helper()
	ctx, stop := chromedp.NewContext(browser)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	p := tab{t, ctx}
	p.do()
	var mu sync.Mutex
	var complaints, requests []string
	err := chromedp.Listen(ctx, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventConsoleAPICalled:
			complaints = append(complaints, fmt.Sprintf("console.%s", e.Type))
		case *runtime.EventExceptionThrown:
			complaints = append(complaints, fmt.Sprintf("%+v", e.ExceptionDetails))
		case *log.EventEntryAdded:
			complaints = append(complaints, fmt.Sprintf("%+v", e.Entry))
		case *network.EventRequestWillBeSent:
			requests = append(requests, e.Request.URL)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		stop()
		mu.Lock()
		defer mu.Unlock()
		if len(complaints) > 0 {
			t.Errorf("the page logged errors: %s", complaints)
		}
		if !slices.Equal(requests, []string{url}) {
			t.Errorf("requests %s, want only the page itself", requests)
		}
	})
	call(p, log.Enable, cdp.Empty{})
	call(p, network.Enable, network.EnableParams{})
	call(p, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}) // otherwise, only one of several open tabs has the focus
	p.size(1440, 900)
	p.do(chromedp.Navigate(url))
	return p
}

func call[P, R any](p tab, command cdp.Command[P, R], params P) {
	p.Helper()
	if _, err := chromedp.Call(p.ctx, command, params); err != nil {
		p.Fatal(err)
	}
}

func (p tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.Fatal(err)
	}
}

func (p tab) size(width, height int64) {
	p.Helper()
	p.do(chromedp.EmulateViewport(width, height))
}

func (p tab) click(selector string) {
	p.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector)))
}

func (p tab) keys(keys string) {
	p.Helper()
	p.do(chromedp.KeyEvent(keys))
}

// eval returns the value of a JavaScript expression. It evaluates the expression after the next frame has been drawn.
func eval[T any](p tab, expression string) T {
	p.Helper()
	wait := `new Promise((done) => requestAnimationFrame(() => setTimeout(done)))`
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](wait+`.then(() => (`+expression+`))`, chromedp.EvalAwaitPromise))
	if err != nil {
		p.Fatalf("%s: %v", expression, err)
	}
	return value
}

func (p tab) count() string { return eval[string](p, `document.getElementById("count").textContent`) }

// column returns the cells of a column in the first rows.
func (p tab) column(title string) []string {
	return eval[[]string](p, fmt.Sprintf(`(() => {
		const at = [...document.querySelectorAll("th")].findIndex((th) => th.firstChild.title === %q);
		return [...document.querySelectorAll("tbody tr[aria-rowindex]")].slice(0, 20).map((tr) => tr.cells[at].textContent);
	})()`, title))
}

// sortBy clicks the title of a column.
func (p tab) sortBy(title string) { p.click(fmt.Sprintf(`th button[title=%q]`, title)) }

func (p tab) want(what string, got, want any) {
	p.Helper()
	g, _ := json.Marshal(got)
	w, _ := json.Marshal(want)
	if string(g) != string(w) {
		p.Errorf("%s: %s, want %s", what, g, w)
	}
}

func TestPageInBrowser(t *testing.T) {
	t.Parallel()
	instances := ecstest.Fleet(5000, 4)
	for n, text := range hostile.Markup() {
		i := &instances[len(instances)-1-n]
		i.InstanceName, i.Description, i.Tags = text, text, []ecs.Tag{{Key: text, Value: text}}
	}
	args := []string{"-region", "all", "-columns", "id,name,status,region,private-ip,cpu,created,expires,description,tags"}
	server := newServer(t, instances...)
	server.Inject(ecstest.Fault{Region: "cn-heyuan", Code: "SomethingNew", Times: -1}) // the failed region causes a warning on the page
	page := world{server: server}.run(t, append(args, "-o", "html", "-sort", "id")...)
	if page.code != failure.ExitIncomplete {
		t.Fatalf("exit code %d: %s", page.code, page.stderr)
	}
	url := savePage(t, page.stdout)
	slices.SortFunc(instances, func(a, b ecs.Instance) int { return strings.Compare(a.InstanceID, b.InstanceID) })
	inRegion := map[string]int{}
	cpus, stoppedInBeijing := 0, 0
	for _, i := range instances {
		inRegion[i.RegionID]++
		cpus += i.CPU
		if i.RegionID == "cn-beijing" && i.Status == ecs.InstanceStatusStopped {
			stoppedInBeijing++
		}
	}
	// first sorts the instances and returns a column of the first 20 instances.
	first := func(text func(ecs.Instance) string, compare func(a, b ecs.Instance) int) (texts []string) {
		for _, i := range slices.SortedStableFunc(slices.Values(instances), compare)[:20] {
			texts = append(texts, text(i))
		}
		return texts
	}
	find := func(name string) (column, func(a, b ecs.Instance) int) {
		c, err := findColumn(name)
		if err != nil {
			t.Fatal(err)
		}
		return c, func(a, b ecs.Instance) int { return c.compare(b, a) }
	}
	minutes := func(text string) string { return strings.Replace(strings.TrimSuffix(text, "Z"), "T", " ", 1) }
	chromium := browser(t)

	t.Run("renders", func(t *testing.T) {
		t.Parallel()
		p := open(t, chromium, url)
		p.want("count", p.count(), "5,000 instances")
		p.want("rows for assistive technology", eval[string](p, `document.querySelector("table").getAttribute("aria-rowcount")`), "5001")
		p.want("totals", eval[[]string](p, `[...document.querySelectorAll("#totals dd")].slice(0, 2).map((e) => e.textContent)`), []string{"5,000", thousands(cpus)})
		for region, n := range inRegion {
			p.want(region, eval[string](p, fmt.Sprintf(`document.querySelector("[data-group=%s] .n").textContent`, region)), thousands(n))
		}
		p.want("first rows", p.column("ID"), ids(instances[:20]))
		rows := func() int { return eval[int](p, `document.querySelectorAll("tbody tr").length`) }
		if n := rows(); n > 80 {
			t.Errorf("the page contains %d rows", n)
		}
		eval[any](p, `document.getElementById("scroller").scrollTop = 1e9`)
		last := eval[string](p, `[...document.querySelectorAll("tbody tr[aria-rowindex]")].at(-1).cells[0].textContent`)
		p.want("last row", last, instances[len(instances)-1].InstanceID)
		if n := rows(); n > 80 {
			t.Errorf("scrolled to the end, the page contains %d rows", n)
		}
	})

	t.Run("renders nothing", func(t *testing.T) {
		t.Parallel()
		r := world{server: newServer(t)}.run(t, "-region", "cn-hangzhou", "-o", "html")
		p := open(t, chromium, savePage(t, r.stdout))
		p.want("count", p.count(), "0 instances")
		p.want("a message", eval[bool](p, `document.getElementById("none").checkVisibility()`), true)
		p.want("columns for charts", eval[bool](p, `document.querySelector("main").getBoundingClientRect().left > document.querySelector("header").getBoundingClientRect().left`), false)
	})

	// Few rows must not be stretched to the height of the window. A long command line must not hide the totals.
	t.Run("renders little", func(t *testing.T) {
		t.Parallel()
		list := fleet(5)
		list[0].InstanceName, list[1].InstanceName = "a-long-name-in-latin-letters", "订单服务订单服务订单服务-1"
		r := world{server: newServer(t, list...)}.run(t, "-region", "cn-hangzhou", "-o", "html", "-id", strings.Join(ids(list), ",")+strings.Repeat(",i-0001", 40))
		p := open(t, chromium, savePage(t, r.stdout))
		p.size(1366, 900)
		p.want("count", p.count(), "5 instances")
		if h := eval[float64](p, `document.querySelector("main > .card:last-child").getBoundingClientRect().height`); h > 32*6+80 {
			t.Errorf("the card of 5 rows is %v high", h)
		}
		p.want("names cut off", eval[int](p, `[...document.querySelectorAll("td:nth-child(2)")].filter((td) => td.scrollWidth > td.clientWidth).length`), 0)
		if h := eval[float64](p, `document.querySelector("header").getBoundingClientRect().height`); h > 60 {
			t.Errorf("the header is %v high", h)
		}
		p.want("command cut off", eval[bool](p, `document.querySelector("header code").scrollWidth > document.querySelector("header code").clientWidth`), true)
		p.want("title", eval[bool](p, `document.querySelector("header code").title === document.querySelector("header code").textContent`), true)
	})

	t.Run("sorts", func(t *testing.T) {
		t.Parallel()
		p := open(t, chromium, url)
		for _, tt := range []struct{ name, title string }{{"cpu", "vCPU"}, {"created", "Created"}} {
			c, descending := find(tt.name)
			text := func(i ecs.Instance) string { return minutes(c.text(i)) }
			p.sortBy(tt.title)
			p.want(tt.title, p.column(tt.title), first(text, c.compare))
			p.want("ids", p.column("ID"), first(func(i ecs.Instance) string { return i.InstanceID }, c.compare))
			p.sortBy(tt.title)
			p.want(tt.title+", descending", p.column(tt.title), first(text, descending))
			p.want("order", eval[string](p, fmt.Sprintf(`document.querySelector('th:has([title=%q])').ariaSort`, tt.title)), "descending")
			p.sortBy(tt.title)
			p.want("the order of the list", p.column("ID"), ids(instances[:20]))
		}
		// Addresses are sorted numerically: 10.0.0.9 comes before 10.0.0.10. Instances without an address come last.
		ip, _ := find("private-ip")
		p.sortBy("Private IP")
		p.want("addresses", p.column("Private IP"), first(ip.text, func(a, b ecs.Instance) int {
			if a.PrivateAddr().IsValid() != b.PrivateAddr().IsValid() {
				return strings.Compare(b.PrivateAddr().String(), a.PrivateAddr().String())
			}
			return a.PrivateAddr().Compare(b.PrivateAddr())
		}))
		expires, _ := find("expires") // "never" is sorted last
		p.sortBy("Expires")
		p.want("expiry", p.column("Expires"), first(func(i ecs.Instance) string { return minutes(expires.text(i)) }, expires.compare))
		p.sortBy("Description")
		p.sortBy("Description")
		if d := p.column("Description"); slices.Contains(d, "") {
			t.Errorf("empty descriptions come first: %q", d)
		}
	})

	t.Run("filters", func(t *testing.T) {
		t.Parallel()
		p := open(t, chromium, url)
		count := func(what string, n int) {
			t.Helper()
			p.want(what, p.count(), thousands(n)+" of 5,000 instances")
		}
		p.click(`[data-group=cn-beijing]`)
		count("a region", inRegion["cn-beijing"])
		p.click(`[data-group=cn-shenzhen]`)
		count("either of two regions", inRegion["cn-beijing"]+inRegion["cn-shenzhen"])
		p.want("the other regions' bars", eval[string](p, `document.querySelector("[data-group=cn-hangzhou] .n").textContent`), thousands(inRegion["cn-hangzhou"]))
		p.click(`[data-group=cn-shenzhen]`)
		p.click(`[data-group=Stopped]`)
		count("a region and a status", stoppedInBeijing)
		p.want("rows", slices.Compact(p.column("Region")), []string{"cn-beijing"})
		p.click(`.chip[aria-label="Remove filter region cn-beijing"]`)
		p.click(`#clear`)
		p.want("no filter", p.count(), "5,000 instances")

		month := "2024-07"
		created := 0
		for _, i := range instances {
			if strings.HasPrefix(wording.Time(i.CreationTime), month) {
				created++
			}
		}
		p.click(`[data-group="` + month + `"]`)
		count("a month", created)
		p.click(`#clear`)

		p.do(chromedp.SendKeys(chromedp.CSS("#search"), `生产环境 "测试"`))
		count("words", 1)
		p.do(chromedp.SendKeys(chromedp.CSS("#search"), " no-such-word"))
		count("too many words", 0)
		p.want("a message", eval[bool](p, `document.getElementById("none").checkVisibility()`), true)
		p.click(`#clear`)
		p.want("no filter", p.count(), "5,000 instances")
	})

	// The page must display HTML markup in instance names as text.
	t.Run("trusts no name", func(t *testing.T) {
		t.Parallel()
		p := open(t, chromium, url)
		for _, name := range hostile.Markup() {
			p.do(chromedp.SendKeys(chromedp.CSS("#search"), name))
			p.want("name", p.column("Name"), []string{name})
			p.click("tbody button")
			p.want("title of the details", eval[string](p, `document.querySelector("dialog[open] h2").textContent`), name)
			p.keys(kb.Escape)
			p.click("#clear")
		}
		p.want("elements from names", eval[int](p, `document.querySelectorAll("img, table script, dialog script, table b, dialog b").length`), 0)
		p.want("scripts from names", eval[bool](p, `"pwned" in window`), false)
	})

	t.Run("keyboard", func(t *testing.T) {
		t.Parallel()
		p := open(t, chromium, url)
		focus := func() string {
			return eval[string](p, `document.activeElement.id || document.activeElement.textContent`)
		}
		p.keys("/")
		p.want("focus", focus(), "search")
		p.keys(kb.Backspace + "cn-beijing") // delete the "/" that chromedp has typed
		p.want("count", p.count(), thousands(inRegion["cn-beijing"])+" of 5,000 instances")
		p.keys(kb.Tab + kb.Tab)
		p.want("focus", focus(), "clear")
		p.keys(kb.Enter)
		p.want("focus after clearing", focus(), "search")
		p.keys(kb.Tab + kb.Tab + kb.Tab)
		p.want("focus", focus(), "ID")
		p.keys(kb.Enter + kb.Enter)
		p.want("sorted", eval[string](p, `document.querySelector("th").ariaSort`), "descending")
		p.want("focus stays", focus(), "ID↓")
		p.keys(strings.Repeat(kb.Tab, 10))
		row := func() string { return eval[string](p, `document.activeElement.closest("tr")?.ariaRowIndex`) }
		p.want("focus in the first row", row(), "2")
		for range 20 { // scrolling adds and removes rows while a row has the focus
			p.keys(strings.Repeat(kb.Tab, 5))
			_ = row()
		}
		p.want("focus 100 rows below", row(), "102")
		p.keys(kb.Enter)
		p.want("details", eval[bool](p, `document.getElementById("details").open`), true)
		p.keys(kb.Escape)
		p.want("focus back", row(), "102")

		eval[any](p, `document.querySelector("[data-chart=region] .bar").focus()`)
		p.keys(kb.ArrowDown + " ")
		p.want("second bar", eval[string](p, `document.querySelector("[data-chart=region] li:nth-child(2) .bar").ariaPressed`), "true")
	})

	t.Run("columns", func(t *testing.T) {
		t.Parallel()
		p := open(t, chromium, url)
		titles := func() string {
			return eval[string](p, `[...document.querySelectorAll("th button")].map((b) => b.title).join()`)
		}
		p.want("columns", titles(), "ID,Name,Status,Region,Private IP,vCPU,Created,Expires,Description,Tags")
		p.click("#chooser summary")
		p.click("#chooser label:nth-of-type(2)")
		p.click("#chooser label:last-of-type")
		p.keys(kb.Escape)
		p.want("columns", titles(), "ID,Status,Region,Private IP,vCPU,Created,Expires,Description,Tags,Locks")
	})

	// The search finds words in the displayed text and highlights each match.
	t.Run("marks", func(t *testing.T) {
		t.Parallel()
		p := open(t, chromium, url)
		p.do(chromedp.SendKeys(chromedp.CSS("#search"), "PROD 001"))
		marks := func() []string {
			return eval[[]string](p, `[...document.querySelectorAll("tbody tr[aria-rowindex]")].slice(0, 20).map((tr) => [...new Set([...tr.querySelectorAll("mark")].map((m) => m.textContent.toLowerCase()))].sort().join())`)
		}
		for _, m := range marks() {
			if m != "001,prod" {
				t.Errorf("a row marks %q", m)
			}
		}
		p.want("text is as it was", eval[bool](p, `[...document.querySelectorAll("tbody td")].every((td) => td.title === "" || td.title === td.textContent)`), true)
		p.click("#clear")
		p.want("no marks", eval[int](p, `document.querySelectorAll("mark").length`), 0)
		p.do(chromedp.SendKeys(chromedp.CSS("#search"), "ecs.g6")) // no match, because the type column is hidden
		p.want("count", p.count(), "0 of 5,000 instances")
		p.click("#chooser summary")
		eval[any](p, `[...document.querySelectorAll("#chooser label")].find((l) => l.textContent.trim() === "Type").querySelector("input").click()`)
		if strings.HasPrefix(p.count(), "0 ") {
			t.Error("the search ignores a column that is shown")
		}
		p.do(chromedp.SendKeys(chromedp.CSS("#search"), ` ( [ \ .* $&`)) // the words of a search are not regular expressions
		p.want("count", p.count(), "0 of 5,000 instances")
	})

	// The page must show as many default columns as fit the window.
	t.Run("fits", func(t *testing.T) {
		t.Parallel()
		r := world{server: newServer(t, ecstest.Fleet(300, 4)...)}.run(t, "-region", "all", "-o", "html")
		p := open(t, chromium, savePage(t, r.stdout))
		last := 0
		for _, width := range []int64{800, 1366, 1920, 2560} {
			p.size(width, 900)
			heads := eval[int](p, `document.querySelectorAll("th").length`)
			p.want(fmt.Sprint("scrolls sideways at ", width), eval[bool](p, `scroller.scrollWidth > scroller.clientWidth`), false)
			if heads < last || heads < 4 {
				t.Errorf("%d columns at %d, %d before", heads, width, last)
			}
			last = heads
		}
		p.want("columns at 2560", last, len(strings.Split(defaultColumns, ",")))
		p.size(390, 844)
		p.want("cards", eval[int](p, `document.querySelectorAll("tr.card-row td").length`) > 5, true)
		p.want("scrolls sideways at 390", eval[bool](p, `document.documentElement.scrollWidth > 390 || scroller.scrollWidth > scroller.clientWidth`), false)
		p.want("small targets", eval[int](p, `[...document.querySelectorAll("#chooser input")].filter((e) => parseInt(getComputedStyle(e).width) < 20).length`), 0)
		eval[any](p, `(() => { const s = document.querySelector("th select"); s.value = [...s.options].find((o) => o.text === "Name ↓").value; s.dispatchEvent(new Event("change")); })()`)
		names := eval[[]string](p, `[...document.querySelectorAll("tr.card-row button")].slice(0, 20).map((b) => b.textContent)`)
		if natural := names[0] < names[len(names)-1]; natural {
			t.Errorf("not sorted: %q", names)
		}
	})

	// All text must have enough contrast (WCAG AA), and the page must fit the width of the screen.
	t.Run("looks", func(t *testing.T) {
		t.Parallel()
		p := open(t, chromium, url)
		p.click(`[data-group=cn-beijing]`)
		for _, scheme := range []string{"light", "dark"} {
			call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
			p.want(scheme, eval[bool](p, `getComputedStyle(document.body).backgroundColor.match(/\d+/)[0] > 128`), scheme == "light")
			p.want("too pale in "+scheme, eval[[]string](p, paleTexts), []string{})
		}
		for _, width := range []int64{320, 390, 768, 901, 1440, 2560} {
			p.size(width, 900)
			if w := eval[int64](p, `document.documentElement.scrollWidth`); w > width {
				t.Errorf("the page is %d pixels wide in a window of %d", w, width)
			}
		}
	})

	// On a small laptop, only the table may scroll, and its edges must show that more rows or columns exist.
	t.Run("fills the window", func(t *testing.T) {
		t.Parallel()
		p := open(t, chromium, url)
		for _, height := range []int64{600, 768, 1200} {
			p.size(1366, height)
			p.want("page scrolls", eval[bool](p, `document.documentElement.scrollHeight > innerHeight`), false)
			p.want("table scrolls", eval[bool](p, `scroller.scrollHeight > scroller.clientHeight`), true)
			p.want("last row in the page is below the window", eval[bool](p, `document.querySelector("tbody tr:nth-last-child(2)").getBoundingClientRect().top > innerHeight`), true)
		}
		edges := func() string { return eval[string](p, `document.getElementById("sheet").className`) }
		p.want("edges", edges(), "continues")
		eval[any](p, `scroller.scrollLeft = 50`)
		p.want("edges in the middle", edges(), "continues scrolled")
		eval[any](p, `scroller.scrollLeft = 1e9`)
		p.want("edges at the end", edges(), "scrolled")
	})

	t.Run("prints", func(t *testing.T) {
		t.Parallel()
		p := open(t, chromium, url)
		p.click(`[data-group=eu-central-1]`)
		eval[any](p, `addEventListener("beforeprint", () => { window.printed = document.querySelectorAll("tbody tr[aria-rowindex]").length; })`)
		if pdf, err := chromedp.Run(p.ctx, chromedp.PrintToPDF()); err != nil || len(pdf) < 10_000 {
			t.Errorf("%d bytes, %v", len(pdf), err)
		}
		p.want("rows on paper", eval[int](p, "window.printed"), inRegion["eu-central-1"])

		r := world{server: newServer(t, ecstest.Fleet(200, 4)...)}.run(t, "-region", "all", "-o", "html")
		p = open(t, chromium, savePage(t, r.stdout))
		pdf, err := chromedp.Run(p.ctx, chromedp.PrintToPDF())
		if pages := len(regexp.MustCompile(`/Type /Page\b`).FindAll(pdf, -1)); err != nil || pages < 2 || pages > 6 {
			t.Errorf("200 rows on %d pages, %v", pages, err)
		}
	})
}

// paleTexts lists the text elements with a contrast below 4.5.
const paleTexts = `(() => {
	const parse = (color) => color.match(/[\d.]+/g).map(Number);
	const luminance = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
		.reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
	const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } };
	return [...document.querySelectorAll("body *")]
		.filter((e) => e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()))
		.map((e) => {
			const [a, b] = [luminance(parse(getComputedStyle(e).color)), luminance(behind(e))];
			return [e.tagName + " " + e.textContent, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
		})
		.filter(([, contrast]) => !(contrast >= 4.5)).map(([text, contrast]) => text + ": " + contrast.toFixed(2));
})()`
