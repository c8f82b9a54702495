// Starts the API reference of the page /docs. A file of its own: the page allows no inline scripts.
"use strict";

window.SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  tagsSorter: "alpha",
  validatorUrl: null, // else every visit would be reported to a public service
});
