// The file that `dayaq edge enrol` writes for an edge: edge.yaml, commented, ready to be read by dayaq-edge.
// docs/edge/configuration.md has every field.
#pragma once

#include <string>
#include <vector>

namespace dayaq::cli {

struct EdgeFile {
  std::string operator_code;
  std::string name;
  int number = 1;
  std::string line;  ///< mobile, fixed, tv
  std::string zone;
  std::string centre_url;
  int http_port = 8090;
  std::vector<std::string> traffic_classes;  ///< without `all`
  std::vector<std::string> packages;
  struct Sibling {
    std::string name;
    int number = 0;
    std::string url;  ///< "" if the sibling didn't say at its enrolment
  };
  std::vector<Sibling> siblings;
};

[[nodiscard]] std::string edge_yaml(const EdgeFile& edge);

}  // namespace dayaq::cli
