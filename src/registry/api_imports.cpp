#include <fmt/format.h>

#include <charconv>

#include "http/encoding.hpp"
#include "registry/api.hpp"
#include "registry/import.hpp"

namespace dayaq::registry {
namespace {

using http::json_string;

constexpr std::size_t chunk_max = 8 << 20;

std::string outcome_json(const ChunkOutcome& outcome) {
  std::string out = fmt::format(R"({{"recorded":{},"changed":{},"unchanged":{},"rejected":{},"rejects":[)",
                                outcome.counts.recorded, outcome.counts.changed, outcome.counts.unchanged,
                                outcome.counts.rejected);
  const char* comma = "";
  for (const Reject& reject : outcome.rejects) {
    out += fmt::format(R"({}{{"line":{},"field":{},"code":{},"reason":{},"text":{}}})",
                       std::exchange(comma, ","), reject.line, json_string(reject.field),
                       json_string(reject.code), json_string(reject.reason), json_string(reject.text));
  }
  return out + "]}";
}

Result<std::uint64_t> first_line_of(const http::Request& request) {
  const auto text = request.query_value("first_line");
  if (!text) return 2;
  std::uint64_t line = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), line);
  if (error != std::errc() || end != text->data() + text->size() || line < 2) {
    return fail_field("import.first_line", "first_line", "The number of the chunk's first row: 2 or more.");
  }
  return line;
}

http::Response chunk_route(const http::Request& request, const ApiContext& context) {
  const Registry& registry = context.registry;
  const auto kind = parse_import_kind(request.parameter("kind"));
  if (!kind) return refuse(kind.error());
  const auto first_line = first_line_of(request);
  if (!first_line) return refuse(first_line.error());
  const std::size_t head = std::min(request.body.find('\n'), request.body.size());
  std::string_view head_line = request.body.substr(0, head);
  if (head_line.ends_with('\r')) head_line.remove_suffix(1);
  const auto header = parse_import_header(*kind, head_line);
  if (!header) return refuse(header.error());
  ImportChunk chunk{std::string(request.body.substr(std::min(head + 1, request.body.size()))), *first_line,
                    head + 1, request.body.size()};
  SeenKeys seen;
  const CheckedChunk checked = check_chunk(*header, chunk, import_rules(registry), &seen);
  const std::string actor = request.principal.actor();
  const auto outcome = context.db.write(
      [&](store::Session& session) { return apply_chunk(session, registry, *kind, checked, actor); });
  if (!outcome) return refuse(outcome.error());
  return http::Response::json(outcome_json(*outcome));
}

}  // namespace

void add_import_routes(http::Router& router, const ApiContext& context) {
  router.add_schema("ImportOutcome", R"json({"type":"object","properties":{"recorded":{"type":"integer"},
    "changed":{"type":"integer"},"unchanged":{"type":"integer"},"rejected":{"type":"integer"},
    "rejects":{"type":"array","items":{"type":"object","properties":{"line":{"type":"integer"},
      "field":{"type":"string"},"code":{"type":"string"},"reason":{"type":"string"},
      "text":{"type":"string"}}}}}})json");
  router.add(
      {.method = http::Method::post,
       .pattern = "/v1/imports/{kind}/chunks",
       .scope = http::Scope::admin,
       .body_max = chunk_max,
       .operation = "import_chunk",
       .summary = "Stores a piece of a CSV file, whose first line names the columns, in one transaction. "
                  "The same piece again changes nothing.",
       .request_schema = "",
       .response_schema = "ImportOutcome",
       .tag = "registry",
       .query_parameters = {{"first_line",
                             "The line in the whole file at which the piece's first row stands: "
                             "rejects are told by it. 2 if left out."}}},
      [context](const http::Request& request) { return chunk_route(request, context); });
}

}  // namespace dayaq::registry
