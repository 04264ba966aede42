// The parts of an edge's file that have a source of their own. Inner to edge/web.
#pragma once

#include "edge/web/configuration.hpp"
#include "edge/web/file_reader.hpp"

namespace dayaq::edge::web {

/// services: what the network can ask for, and how it says so.
void read_services(Fields& top, Configuration& out);
/// "voice", "messages", "data:education", "tv:all" in a field; no_service and a finding if it isn't listed
/// under `services`.
[[nodiscard]] ServiceIndex read_service(Fields& fields, const std::string& key, const ServiceTable& services);
void read_diameter(Fields& top, Configuration& out);
void read_radius(Fields& top, Configuration& out);
void read_tv(Fields& top, Configuration& out, const std::filesystem::path& folder);

}  // namespace dayaq::edge::web
