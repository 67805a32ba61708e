package sim

import "net/http"

// fromMicrosoft marks the requests of the simulated Microsoft. The real ones are told
// by where they come from.
const fromMicrosoft = "X-Simulated-Service-Tag"

// FrontEnd plays the front end of an Azure App Service with access restrictions that
// let in the service tag M365ManagementActivityApiWebhook and nobody else. The others
// get its 403, whose header names their address.
func FrontEnd(app http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(fromMicrosoft) == "" {
			w.Header().Set("x-ms-forbidden-ip", "203.0.113.7") // RFC 5737: an example's address
			http.Error(w, "Error 403 - Forbidden", http.StatusForbidden)
			return
		}
		app.ServeHTTP(w, r)
	})
}
