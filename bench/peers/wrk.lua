-- What wrk has measured, as one line of JSON, behind what it prints by itself. BODY is the number of bytes that each request carries.

local body = tonumber(os.getenv("BODY") or "0")
if body > 0 then
  wrk.method = "POST"
  wrk.body = string.rep("x", body)
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('{"Requests": %d, "Errors": %d, "Seconds": %f, "P50": %d, "P99": %d}\n',
    summary.requests, e.connect + e.read + e.write + e.status + e.timeout, summary.duration / 1e6,
    latency:percentile(50) * 1000, latency:percentile(99) * 1000))
end
