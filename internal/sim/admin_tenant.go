package sim

import (
	"net/http"
	"time"
)

// switchedOff is the order to turn something off, or on again.
type switchedOff struct{ Off *bool }

func (o switchedOff) obey(do func(off bool)) string {
	if o.Off == nil {
		return "off must be true or false"
	}
	do(*o.Off)
	return ""
}

func (w *World) adminPush(rw http.ResponseWriter, r *http.Request) {
	var order switchedOff
	obey(rw, r, &order, func() string { return order.obey(w.SetPush) })
}

func (w *World) adminAuditing(rw http.ResponseWriter, r *http.Request) {
	var order switchedOff
	obey(rw, r, &order, func() string { return order.obey(func(off bool) { w.SetAuditing(!off) }) })
}

func (w *World) adminSecret(rw http.ResponseWriter, r *http.Request) {
	var order struct {
		Expired *bool
		Expires *time.Time
	}
	obey(rw, r, &order, func() string {
		if order.Expired == nil && order.Expires == nil {
			return "expired must be true or false, or expires a time like 2027-01-31T00:00:00Z"
		}
		if order.Expired != nil {
			w.ExpireSecret(*order.Expired)
		}
		if order.Expires != nil {
			w.SetSecretExpiry(*order.Expires)
		}
		return ""
	})
}

func (w *World) adminRoles(rw http.ResponseWriter, r *http.Request) {
	var order struct{ Roles []string }
	obey(rw, r, &order, func() string {
		if order.Roles == nil {
			return `roles must be a list like ["ActivityFeed.Read"], or []`
		}
		w.SetRoles(order.Roles)
		return ""
	})
}

func (w *World) adminSkew(rw http.ResponseWriter, r *http.Request) {
	var order struct{ By string }
	obey(rw, r, &order, func() string {
		d, err := time.ParseDuration(order.By)
		if err != nil {
			return "by must be a duration like 7m or -30s"
		}
		w.SetSkew(d)
		return ""
	})
}
