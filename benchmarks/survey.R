# The tasks in R survey: Rscript survey.R FOLDER TASK, prints one line of JSON.
# Seconds of one run, megabytes that gc() saw at most above the loaded data.
suppressMessages(library(survey))
arguments <- commandArgs(TRUE)
folder <- arguments[1]
task <- arguments[2]
read <- function(name, what) {
  file <- file.path(folder, paste0(name, ".bin"))
  size <- if (what == "double") 8 else 4
  readBin(file, what, file.size(file) / size)
}
integers <- c("cluster", "stratum", "country", "approval", "agrees", "age_group",
              "gender", "education", "region", "urban")
d <- as.data.frame(c(
  sapply(c("weight", "income"), read, "double", simplify = FALSE),
  sapply(integers, read, "integer", simplify = FALSE)
))
d$country <- factor(d$country)
d$approval <- factor(d$approval)

held <- sum(gc(reset = TRUE)[, 2])
start <- proc.time()[["elapsed"]]
design <- svydesign(~cluster, strata = ~stratum, weights = ~weight, data = d)
if (task == "share") {
  found <- svyby(~approval, ~country, design, svymean)
  # coef() runs answer by answer, SE() is a table of countries by answers.
  estimates <- matrix(coef(found), nrow = nlevels(d$country))
  values <- c(t(estimates), t(as.matrix(SE(found))))
} else if (task == "logit") {
  start <- proc.time()[["elapsed"]]
  fit <- svyglm(agrees ~ country + income + gender + urban, design,
                family = quasibinomial(), control = glm.control(epsilon = 1e-12))
  values <- c(coef(fit), SE(fit))
} else if (task == "rake") {
  targets <- jsonlite::fromJSON(file.path(folder, "targets.json"))
  margins <- lapply(names(targets), function(name) reformulate(name))
  population <- lapply(names(targets), function(name) {
    table <- data.frame(seq_along(targets[[name]]) - 1,
                        targets[[name]] * sum(d$weight))
    setNames(table, c(name, "Freq"))
  })
  start <- proc.time()[["elapsed"]]
  raked <- rake(design, margins, population,
                control = list(maxit = 100, epsilon = 1e-9))
  values <- head(weights(raked), 1000)
}
seconds <- proc.time()[["elapsed"]] - start
megabytes <- sum(gc()[, 6]) - held
cat(jsonlite::toJSON(list(seconds = seconds, megabytes = megabytes,
                          values = unname(values)), auto_unbox = TRUE, digits = NA))
