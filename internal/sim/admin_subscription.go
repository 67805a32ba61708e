package sim

import (
	"encoding/json"
	"net/http"
	"slices"
)

// subscriptionOrder is a change of a subscription; what is left out stays.
type subscriptionOrder struct {
	Type, Status, WebhookStatus string
	Webhook                     json.RawMessage // null, or an address in quotes
}

func (w *World) adminSubscription(rw http.ResponseWriter, r *http.Request) {
	var order subscriptionOrder
	obey(rw, r, &order, func() string { return order.obey(w) })
}

func (o subscriptionOrder) obey(w *World) string {
	var address *string
	switch {
	case !slices.Contains(w.o.ContentTypes, o.Type):
		return "type must be a content type like Audit.Exchange"
	case !slices.Contains([]string{"", "enabled", "disabled"}, o.Status):
		return "status must be enabled or disabled"
	case !slices.Contains([]string{"", "enabled", "disabled", "expired"}, o.WebhookStatus):
		return "webhookStatus must be enabled, disabled or expired"
	case o.Webhook != nil && json.Unmarshal(o.Webhook, &address) != nil:
		return "webhook must be null or an address"
	}
	switch {
	case address != nil:
		w.StealWebhook(o.Type, *address)
	case o.Webhook != nil:
		w.VanishWebhook(o.Type)
	}
	w.EditSubscription(o.Type, func(s *Subscription) {
		if o.Status != "" {
			s.Status = o.Status
		}
		if o.WebhookStatus != "" && s.Webhook != nil {
			s.Webhook.Status = o.WebhookStatus
		}
	})
	return ""
}
