//go:build linux

package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// twoProxies returns results of two proxies: three rounds of a case with these costs.
func twoProxies(testCase string, usher, peer []float64) *results {
	r := &results{Order: []string{"usher", "nginx"}}
	for i := range usher {
		r.Samples = append(r.Samples,
			sample{Case: testCase, Proxy: "usher", Round: i + 1, CPU: usher[i], Memory: usher[i], Rate: 1000 / usher[i]},
			sample{Case: testCase, Proxy: "nginx", Round: i + 1, CPU: peer[i], Memory: peer[i], Rate: 1000 / peer[i]})
	}
	return r
}

func TestARatioIsOfTheSameRound(t *testing.T) {
	r := twoProxies("plain", []float64{10, 20, 90}, []float64{20, 25, 100})
	want := spread{median: 0.8, low: 0.5, high: 0.9}
	if got := r.ratio("plain", "nginx", sample.cost); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAMedianOfEvenlyManyIsBetweenTheTwoInTheMiddle(t *testing.T) {
	if got, want := spreadOf([]float64{4, 1, 9, 2}), (spread{3, 1, 9}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestGatesAreJudgedByTheMedian(t *testing.T) {
	for _, c := range []struct {
		testCase    string
		usher, peer []float64
		passed      bool
		verdicts    []string
	}{
		{"plain", []float64{8, 8, 20}, []float64{10, 10, 10}, true, []string{"PASS  plain      CPU a request: 0.80 of nginx, at most 0.85"}},
		{"plain", []float64{9, 9, 5}, []float64{10, 10, 10}, false, []string{"FAIL  plain      CPU a request: 0.90 of nginx, at most 0.85"}},
		{"handshake", []float64{8}, []float64{10}, true, []string{
			"PASS  handshake  handshakes/s: 1.25 of nginx, at least 1.00", "PASS  handshake  CPU a request: 0.80 of nginx, at most 0.85",
		}},
		{"handshake", []float64{20}, []float64{10}, false, []string{
			"FAIL  handshake  handshakes/s: 0.50 of nginx, at least 1.00", "FAIL  handshake  CPU a request: 2.00 of nginx, at most 0.85",
		}},
		{"idle", []float64{4.5}, []float64{1}, false, []string{"FAIL  idle       KiB a connection: 4.50, at most 4.00"}},
		{"websocket", []float64{9}, []float64{1}, true, nil},
	} {
		var out strings.Builder
		passed := twoProxies(c.testCase, c.usher, c.peer).judge(&out)
		verdicts := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if passed != c.passed || !slices.Equal(verdicts, append(c.verdicts, make([]string, max(0, 1-len(c.verdicts)))...)) {
			t.Errorf("%s: got %v\n%swant %v\n%s", c.testCase, passed, out.String(), c.passed, strings.Join(c.verdicts, "\n"))
		}
	}
}

func TestEveryGateIsOfACaseThatThereIs(t *testing.T) {
	for _, g := range gates() {
		if !slices.ContainsFunc(cases, func(c testCase) bool { return c.name == g.testCase }) {
			t.Errorf("there is no case %s", g.testCase)
		}
	}
}

// TestThePageHasWhatWasMeasured fails when the page, the plot or the results were changed without the others.
func TestThePageHasWhatWasMeasured(t *testing.T) {
	read := func(file string) string {
		text, err := os.ReadFile("../" + file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	r, err := readResults("../" + docsResults)
	if err != nil {
		t.Fatal(err)
	}
	page := read(docsPage)
	if want, err := replaceMeasured(page, r.measured()); err != nil || page != want {
		t.Errorf("%s is not what make bench-docs writes (%v)", docsPage, err)
	}
	if read(docsPlot) != r.plot() {
		t.Errorf("%s is not what make bench-docs writes", docsPlot)
	}
}
