# Differences between groups of tests/analysis/data/survey.csv by R survey.
# Writes comparison.json beside this script: Rscript tests/analysis/references/comparison.R
suppressMessages(library(survey))
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
d <- read.csv(file.path(here, "..", "data", "survey.csv"), stringsAsFactors = FALSE)
d$like <- as.numeric(d$approval %in% c("strongly approve", "approve"))
d$like[d$approval == ""] <- NA
design <- svydesign(~cluster, strata = ~stratum, weights = ~design_weight, data = d)

# Regression on group indicators is the vector of group means with its joint
# covariance; contrasts of it are differences between groups.
pairs <- function(variable, group) {
  part <- design[!is.na(d[[variable]]), ]
  fit <- svyglm(reformulate(c("0", paste0("factor(", group, ")")), variable), part)
  levels <- sort(unique(d[[group]]))
  names(fit$coefficients) <- levels
  v <- vcov(fit)
  dimnames(v) <- list(levels, levels)
  each <- combn(length(levels), 2)
  df <- sapply(levels, function(g) degf(part[part$variables[[group]] == g, ]))
  rows <- apply(each, 2, function(pair) {
    contrast <- rep(0, length(levels))
    contrast[pair] <- c(-1, 1)
    estimate <- sum(contrast * coef(fit))
    variance <- as.numeric(contrast %*% v %*% contrast)
    welch <- variance^2 / sum(diag(v)[pair]^2 / df[pair])
    degrees <- min(max(welch, min(df[pair])), degf(part))
    c(estimate = estimate, std_error = sqrt(variance), df = degrees,
      p = 2 * pt(-abs(estimate) / sqrt(variance), degrees))
  })
  list(group = levels[each[2, ]], reference = levels[each[1, ]],
       estimate = rows["estimate", ], std_error = rows["std_error", ],
       df = rows["df", ], none = rows["p", ],
       holm = p.adjust(rows["p", ], "holm"), bh = p.adjust(rows["p", ], "BH"))
}

# Welch's test of two independent samples, the case without clusters and weights.
two <- subset(d, country %in% c("CN", "DE"))
welch <- t.test(trust ~ country, data = two)

writeLines(jsonlite::toJSON(list(
  made_with = paste(R.version.string, "survey", packageVersion("survey")),
  trust_country = pairs("trust", "country"),
  trust_age_group = pairs("trust", "age_group"),
  aware_gender = pairs("aware", "gender"),
  welch = list(df = unname(welch$parameter), p = welch$p.value,
               statistic = unname(welch$statistic))
), digits = NA, auto_unbox = TRUE, pretty = TRUE), file.path(here, "comparison.json"))
