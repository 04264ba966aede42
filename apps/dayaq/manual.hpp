// The man page and the shell completion, made from the commands themselves so that they can't fall behind.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace dayaq::cli {

/// A man page (section 1) in roff.
[[nodiscard]] std::string man_page(const CLI::App& app);
/// A completion script for bash: commands, then options of the command, then files.
[[nodiscard]] std::string bash_completion(const CLI::App& app);

}  // namespace dayaq::cli
