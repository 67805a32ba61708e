package main

import (
	"fmt"
	"html"
	"os"
	"slices"
	"strings"
)

// A panel is one number of some contenders: a dot for each run, a line at the median.
type panel struct {
	title string
	rows  []dots
}

type dots struct {
	name   string
	values []float64
}

// Sizes of a plot, in pixels.
const (
	plotWidth, plotName, plotNumber = 720, 250, 70
	panelTitle, panelRow, panelGap  = 26, 22, 14
)

// plot writes the panels below each other, each with an axis from zero.
func plot(file, caption string, panels []panel) error {
	var s strings.Builder
	y := panelTitle
	text := func(x, y int, anchor, style, words string) {
		fmt.Fprintf(&s, `<text x="%d" y="%d" text-anchor="%s" class="%s">%s</text>`+"\n", x, y, anchor, style, html.EscapeString(words))
	}
	text(8, y-8, "start", "caption", caption)
	for _, p := range panels {
		most := 0.0
		for _, r := range p.rows {
			most = max(most, slices.Max(r.values))
		}
		at := func(v float64) float64 {
			return plotName + v/max(most, 1e-9)*(plotWidth-plotName-plotNumber)
		}
		y += panelTitle
		text(8, y-8, "start", "title", p.title)
		for _, r := range p.rows {
			middle := median(r.values)
			text(plotName-8, y+15, "end", "", r.name)
			fmt.Fprintf(&s, `<line x1="%d" x2="%.1f" y1="%d" y2="%d" class="bar"/>`+"\n", plotName, at(middle), y+11, y+11)
			for _, v := range r.values {
				fmt.Fprintf(&s, `<circle cx="%.1f" cy="%d" r="3"/>`+"\n", at(v), y+11)
			}
			text(plotWidth-8, y+15, "end", "", number(middle))
			y += panelRow
		}
		y += panelGap
	}
	return os.WriteFile(file, fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">
<style>text{fill:#333}.caption{font-size:13px;font-weight:bold}.title{font-weight:bold}.bar{stroke:#9bb8d8;stroke-width:9}circle{fill:#1f4e79;fill-opacity:.7}</style>
<rect width="100%%" height="100%%" fill="#fff"/>
%s</svg>
`, plotWidth, y, s.String()), 0o644)
}

// number has three digits or all before the point.
func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// plotRuns shows what was compared.
func (b *bench) plotRuns(contenders []contender, runs map[string][]result) error {
	var panels []panel
	for _, col := range columns[:3] {
		p := panel{title: col.title}
		for _, c := range contenders {
			p.rows = append(p.rows, dots{c.name + "  " + strings.TrimPrefix(c.about, "the "), numbers(runs[c.name], col.of)})
		}
		panels = append(panels, p)
	}
	return plot(b.SVG, fmt.Sprintf("%d records, %d per content, %d contents per notification", b.Records, b.PerContent, b.PerNotification), panels)
}

// plotCrews shows how throughput grows with the processes.
func (b *bench) plotCrews(all []crew) error {
	rate, share := panel{title: "contents/s"}, panel{title: "share of the busiest part"}
	for _, c := range all {
		name, used := c.limit()
		rate.rows = append(rate.rows, dots{fmt.Sprintf("%d processes", c.Processes), []float64{c.rate()}})
		share.rows = append(share.rows, dots{fmt.Sprintf("%d: %.16s", c.Processes, name), []float64{used}})
	}
	return plot(b.SVG, fmt.Sprintf("%d contents of %d records, %d in flight a process, latency %v", all[0].Contents, b.PerContent, inFlight, b.Latency), []panel{rate, share})
}
