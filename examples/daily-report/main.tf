# The same function, queue and schedule with Terraform and the stock AWS
# provider. Only the provider block knows that this is Belfry:
#
#   zip -j function.zip handler.py
#   terraform init && terraform apply

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
    archive = {
      source  = "hashicorp/archive"
      version = ">= 2.0"
    }
  }
}

variable "endpoint" {
  description = "Where Belfry listens"
  type        = string
  default     = "http://127.0.0.1:7420"
}

variable "account" {
  description = "Account id that belfry serve --dev uses"
  type        = string
  default     = "000000000000"
}

provider "aws" {
  region     = "us-east-1"
  access_key = "dev" # belfry serve --dev accepts any credentials
  secret_key = "dev"

  # There is no STS, IAM or metadata service to ask yet.
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  skip_region_validation      = true

  endpoints {
    lambda    = var.endpoint
    scheduler = var.endpoint
    sqs       = var.endpoint
  }
}

data "archive_file" "code" {
  type        = "zip"
  source_file = "${path.module}/handler.py"
  output_path = "${path.module}/function.zip"
}

resource "aws_lambda_function" "daily_report" {
  function_name    = "daily-report"
  role             = "arn:aws:iam::${var.account}:role/daily-report"
  runtime          = "python3.12"
  handler          = "handler.handler"
  timeout          = 30
  filename         = data.archive_file.code.output_path
  source_code_hash = data.archive_file.code.output_base64sha256
}

resource "aws_sqs_queue" "failed" {
  name = "daily-report-failed"
}

resource "aws_scheduler_schedule" "daily_report" {
  name                         = "daily-report"
  description                  = "Yesterday's sales as a PDF, every morning at eight in Moscow"
  schedule_expression          = "cron(0 8 * * ? *)"
  schedule_expression_timezone = "Europe/Moscow"

  flexible_time_window {
    mode                      = "FLEXIBLE"
    maximum_window_in_minutes = 15
  }

  target {
    arn      = aws_lambda_function.daily_report.arn
    role_arn = "arn:aws:iam::${var.account}:role/scheduler"
    input    = jsonencode({ task_type = "daily_sales", format = "pdf" })

    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 3
    }

    dead_letter_config {
      arn = aws_sqs_queue.failed.arn
    }
  }
}
