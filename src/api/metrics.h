// The text that Prometheus reads (exposition format 0.0.4).
//
//   MetricsText text;
//   text.counter("hone_requests_total", "Requests by class of status.", 17, "class=\"2xx\"");
#pragma once

#include <string>
#include <string_view>

namespace hone::api {

class MetricsText {
 public:
  // `labels` as they stand between the braces; values of one name must come one after another.
  void counter(std::string_view name, std::string_view help, double value,
               std::string_view labels = {});
  void gauge(std::string_view name, std::string_view help, double value,
             std::string_view labels = {});
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  void add(std::string_view type, std::string_view name, std::string_view help, double value,
           std::string_view labels);
  std::string text_;
  std::string last_name_;
};

}  // namespace hone::api
