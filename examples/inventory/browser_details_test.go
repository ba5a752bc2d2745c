package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/examples/internal/hostile"
)

// smallTargets lists the clickable elements that are less than 24 pixels wide or high. The size of a checkbox
// includes its label. The bars of a monthly chart are not checked.
const smallTargets = `[...document.querySelectorAll("button, input, select, summary")]
	.filter((e) => e.checkVisibility() && !e.matches(".columns .bar"))
	.map((e) => [e, (e.closest("label") ?? e.closest(".card-row td") ?? e).getBoundingClientRect()])
	.filter(([, r]) => r.width < 24 || r.height < 24)
	.map(([e, r]) => e.outerHTML.slice(0, 80) + " " + r.width + "x" + r.height)`

// TestPageDetailsInBrowser verifies details of the HTML page on a desktop, on a phone and on paper.
func TestPageDetailsInBrowser(t *testing.T) {
	t.Parallel()
	chromium := browser(t)
	pageOfFleet := func(n int) string {
		list := ecstest.Fleet(max(n, 3), 4)[:n]
		for i := range list {
			list[i].RegionID = []string{"cn-hangzhou", "cn-beijing"}[i%2]
		}
		return savePage(t, world{server: newServer(t, list...)}.run(t, "-region", "cn-hangzhou,cn-beijing", "-o", "html").stdout)
	}
	many := pageOfFleet(300)

	t.Run("targets", func(t *testing.T) {
		t.Parallel()
		p := open(t, chromium, many)
		for _, width := range []int64{1366, 390} {
			p.size(width, 844)
			p.want("closed", eval[[]string](p, smallTargets), []string{})
			eval[any](p, `document.querySelectorAll(".chart:not([open]) summary, #chooser:not([open]) summary").forEach((e) => e.click())`)
			eval[any](p, `document.querySelector(".chart .bar").click()`)
			p.want("open, with a filter", eval[[]string](p, smallTargets), []string{})
			eval[any](p, `document.getElementById("clear").click()`)
			eval[any](p, `document.getElementById("chooser").open = false`)
		}
		p.click(".card-row .rest") // click next to the name
		p.want("a card opens its details", eval[bool](p, `document.getElementById("details").open`), true)
	})

	t.Run("chooser", func(t *testing.T) {
		t.Parallel()
		p := open(t, chromium, many)
		for _, size := range [][2]int64{{1366, 600}, {1366, 900}, {390, 844}, {320, 500}} {
			p.size(size[0], size[1])
			eval[any](p, `document.getElementById("chooser").open = true`)
			p.want(fmt.Sprint("scrolls sideways at ", size), eval[bool](p, `(() => { const f = document.querySelector("#chooser fieldset"); return f.scrollWidth > f.clientWidth || f.getBoundingClientRect().left < 0; })()`), false)
			if size[0] > 600 {
				p.want(fmt.Sprint("the page scrolls at ", size), eval[bool](p, `document.documentElement.scrollHeight > innerHeight`), false)
			}
			eval[any](p, `document.getElementById("chooser").open = false`)
		}
	})

	t.Run("dialog", func(t *testing.T) {
		t.Parallel()
		p := open(t, chromium, many)
		for _, height := range []int64{400, 900} {
			p.size(390, height)
			eval[any](p, `document.querySelector("tbody button").click()`)
			eval[any](p, `document.querySelector("dialog dl").scrollTop = 1e9`)
			p.want("the button stays in view", eval[bool](p, `(() => { const r = document.querySelector("dialog form button").getBoundingClientRect(); return r.top >= 0 && r.bottom <= innerHeight; })()`), true)
			p.want("ids are on one line", eval[int](p, `[...document.querySelectorAll("dialog dd.code")].filter((e) => e.textContent.startsWith("i-") && e.clientHeight > 30).length`), 0)
			p.want("the last value can be reached", eval[bool](p, `document.querySelector("dialog dd:last-child").getBoundingClientRect().bottom <= document.querySelector("dialog").getBoundingClientRect().bottom`), true)
			p.click("dialog form button")
		}
	})

	// A single shadow next to the first column shows that the other columns can be scrolled.
	t.Run("edge", func(t *testing.T) {
		t.Parallel()
		r := world{server: newServer(t, ecstest.Fleet(50, 4)...)}.run(t, "-region", "all", "-columns", "all", "-o", "html")
		p := open(t, chromium, savePage(t, r.stdout))
		for _, width := range []int64{1366, 1920} {
			p.size(width, 800)
			eval[any](p, `scroller.scrollLeft = 300`)
			p.want("the shadow begins where the first column ends", eval[bool](p, `(() => {
				const end = document.querySelector("th").getBoundingClientRect().right - sheet.getBoundingClientRect().left;
				return Math.abs(parseFloat(getComputedStyle(sheet, "::before").left) - end) < 1.5 && sheet.classList.contains("scrolled");
			})()`), true)
			p.want("blurred shadows of single cells", eval[int](p, `[...document.querySelectorAll("th, td")].filter((e) => !/^(none|.* 1px 0px 0px 0px)$/.test(getComputedStyle(e).boxShadow)).length`), 0)
		}
	})

	// The columns must not move or change while the user types a filter.
	t.Run("calm", func(t *testing.T) {
		t.Parallel()
		p := open(t, chromium, many)
		p.size(1366, 768)
		heads := func() string {
			return eval[string](p, `[...document.querySelectorAll("th")].map((th) => th.textContent + Math.round(th.getBoundingClientRect().left)).join()`)
		}
		before := heads()
		p.do(chromedp.SendKeys(chromedp.CSS("#search"), "no-such-word"))
		p.want("rows", eval[int](p, `document.querySelectorAll("tbody tr[aria-rowindex]").length`), 0)
		p.want("heads", heads(), before)
		p.want("the message", eval[string](p, `document.getElementById("none").textContent`), "No instance matches in the columns shown.")
	})

	t.Run("none and one", func(t *testing.T) {
		t.Parallel()
		p := open(t, chromium, pageOfFleet(0))
		p.want("the message", eval[string](p, `document.getElementById("none").textContent`), "The list is empty: no instance matched the command above.")
		p = open(t, chromium, pageOfFleet(1))
		p.want("charts", eval[int](p, `[...document.querySelectorAll(".bar")].filter((e) => e.checkVisibility()).length`), 0)
		p.want("total", eval[string](p, `document.querySelector("#totals dt").textContent`), "Instance")
	})

	// A printed page shows more columns than a small window.
	t.Run("paper", func(t *testing.T) {
		t.Parallel()
		p := open(t, chromium, many)
		p.size(800, 600)
		heads := `document.querySelectorAll("th").length`
		before := eval[int](p, heads)
		eval[any](p, `addEventListener("beforeprint", () => {
			window.printed = document.querySelectorAll("th").length;
			window.cut = [...document.querySelectorAll("td.code, td.time")].filter((td) => td.scrollWidth > td.clientWidth).length;
		})`)
		if _, err := chromedp.Run(p.ctx, chromedp.PrintToPDF()); err != nil {
			t.Fatal(err)
		}
		if printed := eval[int](p, `window.printed`); printed < 9 || printed <= before {
			t.Errorf("%d columns on paper, %d on the screen", printed, before)
		}
		p.want("columns afterwards", eval[int](p, heads), before)
	})

	// Hostile names must not change the height of a row or the width of the page.
	t.Run("hostile", func(t *testing.T) {
		t.Parallel()
		r := world{server: newServer(t, hostileFleet()...)}.run(t, "-region", "cn-hangzhou", "-o", "html")
		p := open(t, chromium, savePage(t, r.stdout))
		for _, width := range []int64{1366, 390} {
			p.size(width, 844)
			p.want("the page scrolls sideways", eval[bool](p, `document.documentElement.scrollWidth > innerWidth`), false)
			p.want("heights of rows", eval[int](p, `new Set([...document.querySelectorAll("tbody tr[aria-rowindex]")].slice(0, -1).map((tr) => Math.round(tr.getBoundingClientRect().height))).size`), 1)
		}
		p.want("rows", p.count(), instances(len(hostile.Names())))

		// Column titles, charts and filters must display markup in tags and groups as text.
		args := []string{"-region", "cn-hangzhou", "-o", "html", "-columns", "id"}
		for _, text := range hostile.Markup() {
			if !strings.Contains(text, ",") {
				args[len(args)-1] += ",tag:" + text
			}
		}
		r = world{server: newServer(t, hostileFleet()...)}.run(t, args...)
		p = open(t, chromium, savePage(t, r.stdout))
		eval[any](p, `document.querySelectorAll(".more").forEach((e) => e.click())`)
		eval[any](p, `[...document.querySelectorAll("[data-chart=family] .bar")].find((e) => e.dataset.group.includes("<script>"))?.click()`)
		eval[any](p, `document.querySelector("tbody button").click()`)
		p.want("chosen", eval[bool](p, `document.querySelector(".chip").textContent.includes("</script><script>")`), true)
		p.want("elements from names", eval[int](p, `document.querySelectorAll("body img, body b, #layout script, dialog script").length`), 0)
		p.want("scripts from names", eval[bool](p, `"pwned" in window`), false)
	})
}
