package config

import "strings"

// nearest returns the candidate that name is most likely a misspelling of, or "".
func nearest(name string, candidates []string) string {
	best, most := "", max(1, len(name)/3)+1
	if len(name) > maxKey {
		return ""
	}
	for _, c := range candidates {
		if d := distance(strings.ToLower(strings.ReplaceAll(name, "-", "_")), strings.ReplaceAll(c, "-", "_")); d < most {
			best, most = c, d
		}
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
