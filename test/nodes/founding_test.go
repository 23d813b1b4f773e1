package nodes_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"siegel/internal/app"
	"siegel/internal/front/console"
	"siegel/internal/front/console/client"
	"siegel/internal/kit/text"
	"siegel/test/victim"
)

// post asks a node's REST API and reads the answer.
func post(t *testing.T, node *victim.Child, path string, body map[string]any, out any) (status int, answer string) {
	t.Helper()
	b, err := json.Marshal(body)
	must(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+node.Web+"/api/v1"+path, bytes.NewReader(b))
	must(t, err)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	must(t, err)
	defer res.Body.Close()
	var got bytes.Buffer
	_, err = got.ReadFrom(res.Body)
	must(t, err)
	if res.StatusCode == http.StatusCreated && out != nil {
		must(t, json.Unmarshal(got.Bytes(), out))
	}
	return res.StatusCode, got.String()
}

// A founding is every node's: the kit is shown by one that is killed then, another one
// founds, and where its answer got lost, since it is killed too, the first gives the same.
func TestFoundingOutlivesNodes(t *testing.T) {
	t.Parallel()
	address, endpoint := place(t)
	a, b := found(t, address, endpoint)
	one, two := start(t, a, "", 0), start(t, b, "", 0)
	c, err := client.Dial(context.Background(), app.ConsoleSocket(a), text.English)
	must(t, err)
	var invited console.Ceremony
	must(t, c.Call(context.Background(), "tenant/ceremony", struct{}{}, &invited, nil))
	c.Close()
	plan := map[string]any{
		"code": invited.Code, "name": "Praxis", "domains": []string{"praxis.example"}, "administrators": []string{"it@praxis.example"}, "keepers": []string{"k1@praxis.example", "k2@praxis.example"},
	}
	var kit struct {
		ID    string
		Words []string
		Asked []int
	}
	if status, answer := post(t, two, "/foundings/kit", plan, &kit); status != http.StatusCreated {
		t.Fatalf("the kit: %d %s", status, answer)
	}
	must(t, two.Kill())
	var words []string
	for _, at := range kit.Asked {
		words = append(words, kit.Words[at-1])
	}
	plan["kit"], plan["words"] = kit.ID, words
	status, first := post(t, one, "/foundings", plan, nil)
	if status != http.StatusCreated {
		t.Fatalf("the founding: %d %s", status, first)
	}
	must(t, one.Kill())
	two = start(t, b, "", 0)
	status, second := post(t, two, "/foundings", plan, nil)
	if status != http.StatusCreated || second != first {
		t.Errorf("asked again: %d %s, want %s", status, second, first)
	}
	plan["words"] = []string{words[0], "babab"}
	if status, answer := post(t, two, "/foundings", plan, nil); status != http.StatusForbidden {
		t.Errorf("with another word: %d %s", status, answer)
	}
	must(t, two.Stop())
}
