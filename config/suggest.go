package config

import (
	"slices"
	"strings"
)

// nearest returns the candidate that name is most likely a misspelling or the beginning of, or "".
func nearest(name string, candidates []string) string {
	best, most := "", max(1, len(name)/3)+1
	fold := strings.NewReplacer("-", "_")
	folded := fold.Replace(strings.ToLower(name))
	for _, c := range candidates {
		if len(name)-len(c) >= most || len(c)-len(name) >= most {
			continue // they differ by more letters than that
		}
		if d := distance(folded, fold.Replace(c)); d < most {
			best, most = c, d
		}
	}
	if i := slices.IndexFunc(candidates, func(c string) bool { return strings.HasPrefix(c, name) }); best == "" && len(name) > 2 && i >= 0 {
		return candidates[i]
	}
	return best
}

// distance is the number of letters to insert, remove, replace or swap with the next to turn a into b.
func distance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	var two []int
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		two, before, row = before, row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(before[j]+cost, before[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], two[j-1]+1)
			}
		}
	}
	return row[len(b)]
}

// advice returns a hint for a name that is none of the candidates.
func advice(name string, candidates []string, otherwise string) string {
	if best := nearest(name, candidates); best != "" {
		return "did you mean " + quote(best) + "?"
	}
	return otherwise + strings.Join(candidates, ", ")
}
