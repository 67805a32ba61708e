package master

import (
	"fmt"
	"strings"
	"time"

	"azcollector/internal/collect"
)

const (
	// unknownAfter is how long Microsoft may not know what it announced: minutes, as far
	// as anybody has seen. An attempt lies in the second half of that time.
	unknownAfter = 15 * time.Minute
	// unknownMany such contents at a time are nobody's mistake. What Microsoft announces
	// under another id than it lists it gives under both.
	unknownMany = 50
)

// strange tells of what nobody should have written, neither Microsoft into a
// notification nor a collector into the state.
func (l *look) strange() {
	if l.summary == nil {
		return
	}
	met := l.summary.Strange
	if n := met[collect.OddEntry]; n > 0 {
		l.find(NotificationsForged, "%d entries of notifications with the right Webhook-AuthID were about another host or tenant and were refused: either somebody else knows it, or AZURE_CLOUD or O365_MANAGEMENT_URL is not where Microsoft has our contents", n)
	}
	var all []string
	for _, what := range collect.OddInState {
		if n := met[what]; n > 0 {
			all = append(all, fmt.Sprintf("%s (%d times)", oddities[what], n))
		}
	}
	if len(all) > 0 {
		l.find(StateForged, "the state holds what no collector writes: %s", strings.Join(all, "; "))
	}
}

// oddities in words.
var oddities = map[string]string{
	collect.OddAddress:   "contents whose address leads to another host or tenant",
	collect.OddCursor:    "cursors in the future, or that gave up what is listed still",
	collect.OddDue:       "contents due later than any rests",
	collect.OddInstances: "more instances than anybody runs",
	collect.OddLease:     "leases longer than anybody takes",
	collect.OddMessage:   "messages that name no row",
	collect.OddRow:       "rows about another content than they are filed under",
	collect.OddState:     "contents finished by nobody",
}

// madeUp reports whether somebody seems to have invented so many pending contents.
func (l *look) madeUp(unknown int) bool {
	if unknown < unknownMany {
		return false
	}
	l.find(NotificationsForged, "%d announced contents are not known to Microsoft, %v and more after their notifications, and were never listed: somebody else probably knows the Webhook-AuthID",
		unknown, unknownAfter)
	return true
}
